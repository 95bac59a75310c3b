"""Drawn people: the same ones every time, labelled as they are painted, with left and right to be told apart."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasspose.configs.data import DrawnPeople
from glasspose.data import figures
from glasspose.data.drawn_people import _annotation, _fill, _Scene, _scene, read_drawn_people
from glasspose.errors import UsageError
from glasspose.skeletons import LSP

SEEDS = st.integers(0, 2**32)
PICTURE = np.array([[100.0, 0, 80], [0, -100, 80]])


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return read_drawn_people(DrawnPeople(count=60, folder=tmp_path_factory.mktemp("drawn"))).annotations


def pixels(person):
    return cv2.imread(str(person.image))


def test_a_person_depends_on_seed_split_and_index_alone(tmp_path, people):
    again = read_drawn_people(DrawnPeople(count=3, folder=tmp_path)).annotations
    for one, other in zip(people[:3], again, strict=True):
        assert np.array_equal(one.keypoints, other.keypoints)
        assert np.array_equal(pixels(one), pixels(other))
        assert one.image != other.image


@pytest.mark.parametrize("change", [{"split": "val"}, {"seed": 1}, {"seed": -1}, {"size": (96, 128)}])
def test_other_seeds_splits_and_sizes_have_other_people(tmp_path, people, change):
    (other,) = read_drawn_people(DrawnPeople(folder=tmp_path, **({"count": 1} | change))).annotations
    assert not np.allclose(other.keypoints, people[0].keypoints)
    assert pixels(other).shape == (*change.get("size", (160, 160)), 3)


def test_pictures_are_written_once_and_whole(tmp_path):
    config = DrawnPeople(count=2, folder=tmp_path)
    first = read_drawn_people(config).annotations
    times = [person.image.stat().st_mtime_ns for person in first]
    first[1].image.unlink()
    read_drawn_people(config)
    assert first[0].image.stat().st_mtime_ns == times[0]
    assert [path.name for path in sorted(first[0].image.parent.iterdir())] == ["000000.png", "000001.png"]


def test_labels_fit_the_picture(people):
    for person in people:
        assert person.labelled.any()
        assert not (person.occluded & ~person.labelled).any()
        assert person.box.min() >= 0
        assert person.box.max() <= 160
        assert 0 < person.area <= np.prod(person.box[2:] - person.box[:2])
        shown = person.keypoints[person.labelled]
        assert (shown >= person.box[:2] - 1).all()
        assert (shown <= person.box[2:]).all()


def test_people_are_varied(people):
    labelled, occluded = np.array([p.labelled for p in people]), np.array([p.occluded for p in people])
    facing = np.array([p.keypoints[LSP.index("left_shoulder"), 0] > p.keypoints[LSP.index("right_shoulder"), 0] for p in people])
    assert 0.05 < (~labelled).any(1).mean() < 0.5
    assert 0.02 < occluded.mean() < 0.3
    assert 0.3 < facing.mean() < 0.85


def test_a_limb_is_painted_where_its_joints_are():
    image = np.zeros((160, 160, 3), np.uint8)
    ends = [np.array([-0.233, 0.1, 0]), np.array([0.31, -0.247, 0])]
    (shape,) = figures._limb(PICTURE, ends, [0.05, 0.05], "skin", ()).shapes
    _fill(image, shape[0], np.full(3, 255.0), edge=False)
    rows, columns = np.mgrid[:160, :160]
    weight = image[..., 0] / image[..., 0].sum()
    assert (columns * weight).sum() == pytest.approx(80 + 100 * (-0.233 + 0.31) / 2, abs=0.05)
    assert (rows * weight).sum() == pytest.approx(80 - 100 * (0.1 - 0.247) / 2, abs=0.05)


def test_what_stands_in_front_occludes(tmp_path):
    scene = _scene((160, 160), np.random.default_rng(5))
    wall = np.array([[-10, -10], [200, -10], [200, 200], [-10, 200]], float)

    def hidden(**changes):
        return _annotation(_Scene(**(vars(scene) | changes)), tmp_path / "x.png", 0)

    assert (hidden(obstacle=(wall, "obstacle")).occluded == hidden().labelled).all()
    assert hidden(obstacle=(wall, "obstacle")).area == hidden(obstacle=None).area
    body = figures.Part(shapes=[(wall, "skin")], joints=(0, 13), depth=9)
    covered = hidden(obstacle=None, parts=[*scene.parts, body])
    assert (covered.occluded == (covered.labelled & ~np.isin(range(14), [0, 13]))).all()
    assert not hidden(obstacle=None, parts=scene.parts[-1:]).occluded[list(scene.parts[-1].joints)].any()


def test_a_part_of_the_body_occludes_only_what_lies_behind_it():
    body = figures.pose(np.random.default_rng(0))
    order = [part.depth for part in figures.parts(body, PICTURE)]
    assert order == sorted(order)
    assert {k for part in figures.parts(body, PICTURE) for k in part.joints} == set(range(14))


@given(seed=SEEDS)
def test_bones_keep_their_length_in_every_pose(seed):
    body = figures.pose(np.random.default_rng(seed))
    for side in ("right", "left"):
        for ends, length in (("knee hip", 0.245), ("ankle knee", 0.235), ("elbow shoulder", 0.165), ("wrist elbow", 0.145)):
            one, other = (body.joints[LSP.index(f"{side}_{end}")] for end in ends.split())
            assert np.linalg.norm(one - other) == pytest.approx(length)
    assert np.linalg.det(body.trunk) == pytest.approx(1)


@given(seed=SEEDS)
def test_front_and_back_differ_and_tell_left_from_right(seed):
    body = figures.pose(np.random.default_rng(seed))
    trunk = [cloth for _, cloth in figures._trunk(body, PICTURE).shapes]
    head = [cloth for _, cloth in figures._head(body, PICTURE).shapes]
    assert ("panel" in trunk) == (body.trunk[2, 2] > 0.1)
    assert ("ink" in head) <= (body.head[2, 2] > -0.5)
    if body.trunk[2, 2] > 0.9 and body.trunk[1, 1] > 0.7:  # upright and facing the viewer
        assert body.joints[LSP.index("left_shoulder"), 0] > body.joints[LSP.index("right_shoulder"), 0]


@pytest.mark.parametrize("options", [{"split": "../x"}, {"split": ""}, {"size": (31, 160)}])
def test_odd_requests_are_refused(tmp_path, options):
    with pytest.raises(UsageError):
        read_drawn_people(DrawnPeople(folder=tmp_path, **options))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*file.*--data\.folder"):
        read_drawn_people(DrawnPeople(folder=tmp_path / "file"))


def test_the_cache_is_used_where_no_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (person,) = read_drawn_people(DrawnPeople(count=1)).annotations
    assert person.image.is_relative_to(tmp_path / "glasspose" / "drawn_people")
