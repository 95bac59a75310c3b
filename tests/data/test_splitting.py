"""Splits and folds: by image, by near-duplicate group, the same for the same seed."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glasspose.configs.data import Coco, DrawnPeople, Lspet
from glasspose.data.coco import read_coco
from glasspose.data.drawn_people import read_drawn_people
from glasspose.data.lsp import read_lspet, split_ids
from glasspose.data.splitting import difference_hash, folds, group_duplicates, hold_out, near_duplicates, shared_images, split, write_splits
from glasspose.errors import ImageError, UsageError
from glasspose.images import load_image
from glasspose.skeletons import LSP
from glasspose.structures import Annotation, Dataset

IMAGES = st.lists(st.tuples(st.integers(1, 60), st.none() | st.integers(0, 5)), min_size=12, max_size=80, unique_by=lambda image: image[0])


def dataset(images, people=lambda image: 1 + image % 3):
    """People of images (id, group)."""
    empty = {"keypoints": np.zeros((14, 2)), "labelled": np.zeros(14, bool), "occluded": np.zeros(14, bool), "box": np.zeros(4), "area": 1.0}
    return Dataset(
        name="made",
        skeleton=LSP,
        annotations=[
            Annotation(image=Path(f"{image}.png"), image_id=image, group=group, person_id=100 * image + n, **empty)
            for image, group in images
            for n in range(people(image))
        ],
    )


@given(images=IMAGES, seed=st.integers(0, 99))
def test_groups_and_images_are_never_divided(images, seed):
    parts = split(dataset(images), {"train": 0.6, "val": 0.4}, seed)
    assert sorted(parts["train"] + parts["val"]) == sorted(image for image, _ in images)
    sides = {}
    for image, group in images:
        if group is not None:
            assert sides.setdefault(group, image in parts["train"]) == (image in parts["train"])


@given(images=IMAGES, seed=st.integers(0, 99))
def test_folds_cover_everybody_once_and_keep_images_together(images, seed):
    people = dataset(images)
    parts = folds(people, 3, seed)
    assert sorted(i for part in parts for i in part) == list(range(len(people)))
    units = [{(p.group, p.image_id if p.group is None else 0) for p in (people.annotations[i] for i in part)} for part in parts]
    assert not units[0] & units[1] | units[0] & units[2] | units[1] & units[2]


def test_fractions_are_kept():
    parts = split(dataset([(i, None) for i in range(1, 1001)]), {"train": 0.8, "val": 0.15, "test": 0.05})
    assert [len(parts[name]) for name in ("train", "val", "test")] == [800, 150, 50]
    sizes = [len(part) for part in folds(dataset([(i, None) for i in range(100)]), 5)]
    assert max(sizes) - min(sizes) <= 2


def test_the_seed_decides_and_the_order_of_people_does_not():
    images = [(i, None) for i in range(50)]
    halves = {"a": 0.5, "b": 0.5}
    assert split(dataset(images), halves, 1) == split(dataset(images[::-1]), halves, 1)
    assert split(dataset(images), halves, 1) != split(dataset(images), halves, 2)
    assert folds(dataset(images), 2, 1) != folds(dataset(images), 2, 2)


@pytest.mark.parametrize("fractions", [{"a": 1.0}, {}, {"a": 0.5, "b": 0.6}, {"a": 1.5, "b": -0.5}, {"a": 1.0, "b": 0.0}])
def test_fractions_that_do_not_divide_are_refused(fractions):
    with pytest.raises(UsageError, match="do not divide"):
        split(dataset([(1, None), (2, None)]), fractions)


def test_too_few_images_are_refused():
    with pytest.raises(UsageError, match="1 independent images cannot be divided into 2"):
        split(dataset([(1, 7), (2, 7)]), {"a": 0.5, "b": 0.5})
    with pytest.raises(UsageError, match="into 3 parts"):
        folds(dataset([(1, None), (2, None)]), 3)
    with pytest.raises(UsageError, match="1 folds"):
        folds(dataset([(1, None), (2, None)]), 1)


@given(images=IMAGES, seed=st.integers(0, 99), count=st.integers(4, 20))
def test_held_out_images_stay_whole_and_their_people_are_about_as_many(images, seed, count):
    people = dataset(images)
    units = {}
    for person in people.annotations:
        key = ("image", person.image_id) if person.group is None else person.group
        units[key] = units.get(key, 0) + 1
    assume(count > max(units.values()) and count + max(units.values()) < len(people))
    parts = hold_out(people, count, "image", seed)
    assert sorted(parts["train"] + parts["test"]) == sorted(image for image, _ in images)
    group = dict(images)
    sides = [{group[image] for image in part if group[image] is not None} for part in parts.values()]
    assert not sides[0] & sides[1]
    held = sum(person.image_id in set(parts["test"]) for person in people.annotations)
    assert count - max(units.values()) < held <= count


def test_held_out_people_are_exact_and_may_share_their_picture():
    people = dataset([(i, None) for i in range(1, 40)])
    parts = hold_out(people, 30, "person", 1)
    assert len(parts["test"]) == 30
    assert sorted(parts["train"] + parts["test"]) == sorted(person.person_id for person in people.annotations)
    assert shared_images(people, parts) > 5
    assert hold_out(people, 30, "person", 1) == parts != hold_out(people, 30, "person", 2)


@pytest.mark.parametrize(("count", "by"), [(0, "image"), (0, "person"), (78, "person"), (1000, "image")])
def test_nothing_and_everything_cannot_be_held_out(count, by):
    with pytest.raises(UsageError, match="cannot be held out"):
        hold_out(dataset([(i, None) for i in range(1, 40)]), count, by)


@pytest.mark.data
def test_readers_take_people_that_were_held_out(data_root, tmp_path):
    whole = read_coco(Coco(root=data_root / "coco"))
    write_splits(tmp_path / "splits.json", hold_out(whole, 50, "person"), "person")
    relative = {"root": tmp_path, "splits": "splits.json", "annotations": str(data_root / "coco/annotations/person_keypoints_train2017.json")}
    assert [len(read_coco(Coco(split=name, **relative))) for name in ("train", "test")] == [len(whole) - 50, 50]


def test_readers_take_what_is_written(tmp_path):
    write_splits(tmp_path / "new" / "splits.json", {"train": [3, 1], "val": []})
    assert split_ids(tmp_path / "new" / "splits.json", "train") == [3, 1]
    assert json.loads((tmp_path / "new" / "splits.json").read_text())["val"] == []
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["splits.json"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return read_drawn_people(DrawnPeople(count=12, folder=tmp_path_factory.mktemp("drawn")))


def test_copies_of_a_picture_are_grouped(tmp_path, drawn):
    people = list(drawn.annotations[:6])
    picture = cv2.imread(str(people[0].image))
    changes = [cv2.resize(picture, (100, 100), interpolation=cv2.INTER_AREA), cv2.convertScaleAbs(picture, alpha=0.8, beta=10)]
    for n, changed in enumerate(changes):
        cv2.imwrite(str(tmp_path / f"{n}.jpg"), changed, [cv2.IMWRITE_JPEG_QUALITY, 60])
        people.append(replace(people[0], image=tmp_path / f"{n}.jpg", image_id=100 + n))
    groups = [person.group for person in group_duplicates(replace(drawn, annotations=people)).annotations]
    assert groups[1:6] == [None] * 5
    assert groups[0] is not None
    assert groups[6] == groups[7] == groups[0]


def test_a_picture_that_cannot_be_read_is_named(tmp_path, drawn):
    lost = replace(drawn.annotations[0], image=tmp_path / "lost.png")
    with pytest.raises(ImageError, match=r"lost\.png"):
        group_duplicates(replace(drawn, annotations=[lost]))


def test_the_hash_reads_brightness_from_left_to_right():
    ramp = np.repeat(np.tile(np.arange(0, 255, 3, dtype=np.uint8), (40, 1))[:, :, None], 3, axis=2)
    assert np.bitwise_count(difference_hash(ramp)).sum() == 256
    assert np.bitwise_count(difference_hash(ramp[:, ::-1].copy())).sum() == 0


@given(seed=st.integers(0, 999))
def test_groups_are_the_connected_parts(seed):
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**63, (5, 4), dtype=np.uint64)[rng.integers(0, 5, 300)]
    hashes[:, 3] ^= np.uint64(1) << rng.integers(0, 20, 300, dtype=np.uint64)
    groups, parents = near_duplicates(hashes, 2), [bytes(h[:3]) for h in hashes]
    assert len({*zip(groups.tolist(), parents, strict=True)}) == len({*groups.tolist()}) == len({*parents})
    assert len({*near_duplicates(hashes, 0).tolist()}) == len({bytes(h) for h in hashes})


@pytest.mark.data
def test_known_copies_in_lspet_are_found(data_root):
    paths = [data_root / "lspet" / "images" / f"im{n:05d}.jpg" for n in (1583, 7303, 828, 6416, 1, 2)]
    one, copy, other, similar, *rest = near_duplicates(np.array([difference_hash(load_image(path)) for path in paths])).tolist()
    assert one == copy
    assert other == similar
    assert len({one, other, *rest}) == 4


@pytest.mark.data
def test_a_written_split_divides_the_real_people(data_root, tmp_path):
    whole = read_coco(Coco(root=data_root / "coco"))
    write_splits(tmp_path / "splits.json", split(whole, {"train": 0.7, "val": 0.3}))
    relative = {"root": tmp_path, "splits": "splits.json", "annotations": str(data_root / "coco/annotations/person_keypoints_train2017.json")}
    parts = [read_coco(Coco(split=name, **relative)) for name in ("train", "val")]
    assert sum(len(part) for part in parts) == len(whole)
    assert len(read_lspet(Lspet(root=data_root / "lspet", split="val"))) == 500
