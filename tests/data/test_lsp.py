"""Leeds Sports Pose: both layouts of joints.mat, the split file, and what is refused."""

import contextlib
import json

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from glasspose.configs.data import Lsp, Lspet
from glasspose.data import READERS
from glasspose.data.lsp import AREA_OF_BOX, read_lsp, read_lspet, reference_length, split_ids
from glasspose.data.matlab import variable
from glasspose.errors import AnnotationError
from glasspose.skeletons import LSP
from label_files_for_tests import lsp_mat, lspet_mat


@pytest.fixture
def joints():
    """Three images: all labelled; no torso and junk where not labelled; nobody."""
    joints = np.zeros((14, 3, 3))
    joints[:, 0, :2] = np.arange(14)[:, None] * 3 + 10
    joints[:, 1, :2] = np.arange(14)[:, None] * 2 + 5
    joints[:, 2, :2] = 1
    joints[LSP.index("right_hip"), :, 1] = [-900, np.nan, 0]
    return joints


def written(folder, joints, splits=None):
    scipy.io.savemat(folder / "joints.mat", {"joints": joints})
    if splits is not None:
        (folder / "splits.json").write_text(json.dumps(splits))
    return Lspet(root=folder, split="all" if splits is None else "train")


def test_people_are_read_with_their_reference_lengths(tmp_path, joints):
    first, second = read_lspet(written(tmp_path, joints)).annotations
    assert (first.image, first.image_id) == (tmp_path / "images" / "im00001.jpg", 1)
    assert first.box.tolist() == [10, 5, 50, 32]
    assert first.area == pytest.approx(AREA_OF_BOX * 40 * 27)
    assert first.torso == pytest.approx(np.hypot(3, 2) * 7)
    assert first.head == pytest.approx(np.hypot(3, 2))
    assert not first.occluded.any()
    assert second.torso is None
    assert second.labelled.sum() == 13


def test_junk_of_unlabelled_joints_is_finite_and_outside_the_box(tmp_path, joints):
    second = read_lspet(written(tmp_path, joints)).annotations[1]
    assert np.isfinite(second.keypoints).all()
    assert second.box[0] == 10


def test_the_flag_of_lsp_says_occluded_and_the_joint_is_labelled(tmp_path):
    joints = lsp_mat(tmp_path)
    people = read_lsp(Lsp(root=tmp_path)).annotations
    assert [person.image.name for person in people] == ["im0001.jpg", "im0002.jpg", "im0003.jpg", "im0004.jpg"]
    assert all(person.labelled.all() for person in people)
    assert people[1].occluded.tolist() == [k == 4 for k in range(14)]
    assert not people[0].occluded.any()
    assert np.array_equal(people[2].keypoints, joints[:2, :, 2].T)


def test_lsp_brings_its_own_splits_and_takes_others(tmp_path):
    lsp_mat(tmp_path, 1003)
    numbers = [[person.image_id for person in read_lsp(Lsp(root=tmp_path, split=split)).annotations] for split in ("train", "test", "all")]
    assert numbers == [list(range(1, 1001)), [1001, 1002, 1003], list(range(1, 1004))]
    (tmp_path / "splits.json").write_text('{"train": [7]}')
    assert [person.image_id for person in read_lsp(Lsp(root=tmp_path)).annotations] == [7]


@pytest.mark.parametrize(("write", "config", "other"), [(lsp_mat, Lspet, "lsp"), (lspet_mat, Lsp, "lspet")])
def test_one_set_is_not_taken_for_the_other(tmp_path, write, config, other):
    write(tmp_path)
    with pytest.raises(AnnotationError, match=f"other set of Leeds. Use --data.kind {other}$"):
        READERS[config.model_fields["kind"].default](config(root=tmp_path, split="all"))


def test_a_split_keeps_its_order(tmp_path, joints):
    dataset = read_lspet(written(tmp_path, joints, {"train": [2, 1, 3]}))
    assert [person.image_id for person in dataset.annotations] == [2, 1]
    assert dataset.name == "lspet/train"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a split file"),
        ("[1]", "is not a split file"),
        ('{"train": ["x"]}', "is not a split file"),
        ('{"train": [1e999]}', "is not a split file"),
        ('{"train": ' + "[" * 100_000, "is not a split file"),
        ('{"val": [1]}', "has no split 'train'"),
        ('{"train": [4]}', "outside 1 to 3"),
        ('{"train": [0]}', "outside 1 to 3"),
    ],
    ids=lambda text: text[:20],
)
def test_a_wrong_split_file_is_refused(tmp_path, joints, text, message):
    config = written(tmp_path, joints, {})
    (tmp_path / "splits.json").write_text(text)
    with pytest.raises(AnnotationError, match=message) as caught:
        read_lspet(config)
    assert caught.value.remedy


def test_missing_files_are_named(tmp_path):
    with pytest.raises(AnnotationError, match=r"joints\.mat is not there"):
        read_lspet(Lspet(root=tmp_path))
    with pytest.raises(AnnotationError, match=r"splits\.json is not there"):
        split_ids(tmp_path / "splits.json", "train")


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file", b"\x80\x04K\x01."])
def test_a_file_that_is_no_mat_file_is_refused(tmp_path, content):
    (tmp_path / "joints.mat").write_bytes(content)
    with pytest.raises(AnnotationError, match=r"is not a joints\.mat"):
        read_lspet(Lspet(root=tmp_path, split="all"))


@pytest.mark.parametrize("shape", [(16, 3, 5), (14, 2, 5), (14, 3)])
def test_joints_of_another_shape_are_refused(tmp_path, shape):
    with pytest.raises(AnnotationError, match="joints of shape"):
        read_lspet(written(tmp_path, np.zeros(shape)))


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", ["f8", "f4", "u1", "i2", "i4"])
def test_every_numeric_type_is_read_as_scipy_reads_it(tmp_path, compressed, kind):
    joints = np.random.default_rng(0).integers(0, 100, (14, 3, 5)).astype(kind)
    scipy.io.savemat(tmp_path / "joints.mat", {"other": np.ones(1), "joints": joints}, do_compression=compressed)
    assert np.array_equal(variable((tmp_path / "joints.mat").read_bytes(), b"joints"), joints)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), compressed=st.booleans())
def test_a_damaged_file_is_a_typed_error(tmp_path_factory, data, compressed):
    folder = tmp_path_factory.mktemp("damaged")
    scipy.io.savemat(folder / "joints.mat", {"joints": np.ones((14, 3, 2))}, do_compression=compressed)
    content = bytearray((folder / "joints.mat").read_bytes())
    for place in data.draw(st.lists(st.integers(120, len(content) - 1), min_size=1, max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    (folder / "joints.mat").write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    with contextlib.suppress(AnnotationError):
        assert len(read_lspet(Lspet(root=folder, split="all"))) <= 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e200])
def test_a_labelled_joint_without_a_position_is_refused(tmp_path, joints, value):
    joints[4, 1, 0] = value
    with pytest.raises(AnnotationError, match=r"im00001\.jpg: .*labelled joint"):
        read_lspet(written(tmp_path, joints))


def test_a_reference_length_needs_both_ends_at_different_places():
    keypoints, labelled = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 4.0]]), np.array([True, True, True])
    assert reference_length(keypoints, labelled, (0, 1)) == 5
    assert reference_length(keypoints, labelled, (1, 2)) is None
    assert reference_length(keypoints, labelled, None) is None
    assert reference_length(keypoints, np.array([True, False, True]), (0, 1)) is None
    assert reference_length(keypoints, np.array([False, True, True]), (0, 1)) is None


@pytest.mark.data
@pytest.mark.parametrize(("split", "people", "no_torso"), [("train", 8000, 0.282), ("val", 500, 0.290), ("test", 500, 0.278)])
def test_the_real_files(data_root, split, people, no_torso):
    dataset = read_lspet(Lspet(root=data_root / "lspet", split=split))
    assert len(dataset) == people
    assert np.mean([person.torso is None for person in dataset.annotations]) == pytest.approx(no_torso, abs=0.001)
    assert all(person.image.is_file() for person in dataset.annotations[:50])
