"""FLIC: 11 keypoints, the release's square, the torso across."""

import numpy as np
import pytest

from glasspose.configs.data import Flic
from glasspose.data.flic import read_flic
from glasspose.data.framing import evaluation_box
from glasspose.skeletons import FLIC
from label_files_for_tests import flic_h5


def test_people_are_read_with_their_square_and_torso(tmp_path):
    points = flic_h5(tmp_path)
    first, second, third = read_flic(Flic(root=tmp_path)).annotations
    assert np.array_equal(first.keypoints, points[0])
    square = evaluation_box(first)
    assert square[2:] - square[:2] == pytest.approx([440, 440]), "200 pixels times 2.2"
    assert (square[:2] + square[2:]) / 2 - 0.5 == pytest.approx([250, 240])
    assert first.torso == pytest.approx(np.linalg.norm(points[0, 3] - points[0, 6])), "right shoulder to left hip"
    assert third.torso is None
    assert (first.image, second.image) == (tmp_path / "images/a.jpg", tmp_path / "images/b.jpg")
    assert second.image_id == third.image_id != first.image_id


def test_people_alone_in_their_picture(tmp_path):
    flic_h5(tmp_path)
    assert [person.image.name for person in read_flic(Flic(root=tmp_path, single_person=True)).annotations] == ["a.jpg"]


@pytest.mark.data
@pytest.mark.parametrize(("split", "people"), [("train", 3987), ("valid", 1016)])
def test_the_real_files(data_root, split, people):
    dataset = read_flic(Flic(root=data_root / "flic", split=split))
    assert len(dataset) == people
    left, right = FLIC.index("left_shoulder"), FLIC.index("right_shoulder")
    facing = [person.keypoints[left, 0] > person.keypoints[right, 0] for person in dataset.annotations]
    assert np.mean(facing) > 0.9, "the left of most is on the right of the picture: they face the camera"
