"""What holds for every reader, whatever the file."""

import contextlib
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import label_files_for_tests as files
from glasspose.configs.data import Coco, CocoLabels, DrawnPeople, Flic, Lsp, Lspet, Mpii, described
from glasspose.data import READERS, read
from glasspose.errors import GlassposeError
from glasspose.structures import Dataset

MADE = {
    "lsp": (files.lsp_mat, lambda root: Lsp(root=root), "joints.mat"),
    "lspet": (files.lspet_mat, lambda root: Lspet(root=root, split="all"), "joints.mat"),
    "coco": (files.coco_json, lambda root: Coco(root=root, crowds=True), "annotations/person_keypoints_train2017.json"),
    "coco_labels": (files.coco_labels, lambda root: CocoLabels(root=root, split="all"), "all_keypoint_labels_2017.npz"),
    "mpii": (files.mpii_json, lambda root: Mpii(root=root, split="all", labels="mpii_annotations.json"), "mpii_annotations.json"),
    "mpii .mat": (lambda root: files.mpii_mat(root, "m.mat"), lambda root: Mpii(root=root, split="all", labels="m.mat"), "m.mat"),
    "mpii .mat unpacked": (lambda root: files.mpii_mat(root, "m.mat", False), lambda root: Mpii(root=root, split="all", labels="m.mat"), "m.mat"),
    "mpii .h5": (files.mpii_h5, lambda root: Mpii(root=root, split="all", labels="valid.h5"), "valid.h5"),
    "mpii hrnet": (files.mpii_hrnet, lambda root: Mpii(root=root, split="all", labels="train.json"), "train.json"),
    "flic": (files.flic_h5, lambda root: Flic(root=root), "train.h5"),
    "drawn_people": (lambda root: None, lambda root: DrawnPeople(count=3, folder=root), None),
}
WITH_FILE = [kind for kind, made in MADE.items() if made[2]]


@pytest.fixture(params=MADE)
def made(request, tmp_path) -> Dataset:
    write, config, _ = MADE[request.param]
    write(tmp_path)
    return read(config(tmp_path))


def test_every_reader_is_in_the_contract():
    assert {kind.split()[0] for kind in MADE} == set(READERS)


def test_people_are_complete_finite_and_frozen(made):
    count = len(made.skeleton)
    assert len(made) > 0
    for person in made.annotations:
        assert (person.keypoints.shape, person.labelled.shape, person.occluded.shape, person.box.shape) == ((count, 2), (count,), (count,), (4,))
        assert (person.labelled.dtype, person.occluded.dtype, person.keypoints.dtype) == (bool, bool, np.float64)
        assert np.isfinite(person.keypoints).all()
        assert np.isfinite(person.box).all()
        assert (person.box[2:] > person.box[:2]).all()
        assert 0 < person.area < np.inf
        assert not (person.occluded & ~person.labelled).any()
        assert person.labelled.any()
        with pytest.raises(FrozenInstanceError):
            person.image_id = 1
    with pytest.raises(FrozenInstanceError):
        made.name = "other"


def test_people_are_numbered_and_pictures_too(made):
    assert len({person.person_id for person in made.annotations}) == len(made)
    assert len({person.image for person in made.annotations}) == len({person.image_id for person in made.annotations})
    assert all(type(person.image_id) is int and type(person.person_id) is int for person in made.annotations)


def test_reference_lengths_are_positive_or_missing(made):
    for person in made.annotations:
        for length in (person.torso, person.head):
            assert length is None or 0 < length < np.inf
        ends = made.skeleton.torso
        assert (person.torso is not None) == bool(person.labelled[list(ends)].all())


@pytest.mark.parametrize("kind", WITH_FILE)
def test_a_missing_file_is_one_line_with_a_remedy(tmp_path, kind):
    with pytest.raises(GlassposeError, match="is not there") as caught:
        read(MADE[kind][1](tmp_path))
    assert caught.value.remedy


@pytest.mark.parametrize("kind", WITH_FILE)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_file_is_a_typed_error(tmp_path, kind, data):
    write, config, name = MADE[kind]
    path = tmp_path / name
    kept = path.with_name(path.name + ".whole")
    if not kept.exists():
        write(tmp_path)
        kept.write_bytes(path.read_bytes())
    content = bytearray(kept.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.sampled_from([0, 1, 127, 128, 255, content[place] ^ 1, content[place] ^ 128]))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(content))))
    path.write_bytes(content[:cut])
    with contextlib.suppress(GlassposeError):
        dataset = read(config(tmp_path))
        assert all(np.isfinite(person.keypoints).all() and np.isfinite(person.box).all() for person in dataset.annotations)


@pytest.mark.parametrize("kind", ["coco", "coco_labels", "mpii", "mpii .mat", "mpii .h5", "mpii hrnet", "flic"])
def test_labels_can_be_moved_against_their_pictures(kind, tmp_path):
    write, config, _ = MADE[kind]
    write(tmp_path)
    plain, moved = (read(config(tmp_path).model_copy(update={"shift": shift})).annotations for shift in (0.0, -1.0))
    for one, other in zip(plain, moved, strict=True):
        assert np.array_equal(other.keypoints[one.labelled], one.keypoints[one.labelled] - 1)
        assert np.array_equal(other.keypoints[~one.labelled], one.keypoints[~one.labelled])
        assert np.array_equal(other.box, one.box - 1)
        assert (one.head_box is None) == (other.head_box is None)
        assert one.head_box is None or np.array_equal(other.head_box, one.head_box - 1)
        assert (other.torso, other.head, other.area, other.image) == (one.torso, one.head, one.area, one.image)


def test_evaluations_from_before_there_was_a_shift_are_of_the_same_data(tmp_path):
    assert "shift" not in described(Coco(root=tmp_path))
    assert described(Coco(root=tmp_path, shift=-1))["shift"] == -1
