"""COCO's labels without pictures."""

import numpy as np
import pytest

from glasspose.configs.data import CocoLabels
from glasspose.data.coco_labels import read_coco_labels
from glasspose.data.statistics import summarise
from glasspose.errors import AnnotationError
from label_files_for_tests import coco_labels


def test_shares_become_pixels_of_the_nominal_picture(tmp_path):
    keypoints = coco_labels(tmp_path)
    first, second, _ = read_coco_labels(CocoLabels(root=tmp_path, nominal=(100, 200))).annotations
    assert first.keypoints[:3] == pytest.approx(keypoints[0, :3, :2] * [200, 100])
    assert first.labelled.sum() == 3
    assert second.occluded.tolist() == [k == 5 for k in range(17)]
    assert first.box.tolist() == [50, 37.5, 150, 62.5]
    assert (first.image_id, first.image.name) == (4, "000000000004.jpg")


def test_splits_and_people_without_keypoints(tmp_path):
    coco_labels(tmp_path)
    sizes = {split: len(read_coco_labels(CocoLabels(root=tmp_path, split=split, minimum_keypoints=0))) for split in ("train", "val", "all")}
    assert sizes == {"train": 4, "val": 1, "all": 5}
    found = summarise(read_coco_labels(CocoLabels(root=tmp_path, split="all", minimum_keypoints=0)))
    assert found.empty == 1 / 5
    assert found.keypoints_of_person == {0: 1, 3: 1, 17: 3}
    assert found.people_of_image == {1: 3, 2: 1}
    assert summarise(read_coco_labels(CocoLabels(root=tmp_path, split="all"))).empty == 0
    with pytest.raises(AnnotationError, match="has no split 'test'"):
        read_coco_labels(CocoLabels(root=tmp_path, split="test"))


def test_a_person_whom_another_option_leaves_out_is_company(tmp_path):
    coco_labels(tmp_path)
    config = CocoLabels(root=tmp_path, split="all", single_person=True, minimum_keypoints=4)
    assert [person.image_id for person in read_coco_labels(config).annotations] == [9, 12]


@pytest.mark.parametrize(
    "changes",
    [
        {"keypoints": np.zeros((5, 16, 3))},
        {"image_id": np.array(["a"] * 5)},
        {"image_id": np.zeros(4, int)},
        {"image_id": np.array(7)},
        {"bbox_cxcywh": np.full((5, 4), np.nan)},
        {"keypoints": np.full((5, 17, 3), 1e6)},
        {"keypoints": np.array([None] * 5, object)},
    ],
)
def test_other_arrays_are_refused(tmp_path, changes):
    coco_labels(tmp_path, **changes)
    with pytest.raises(AnnotationError):
        read_coco_labels(CocoLabels(root=tmp_path))


@pytest.mark.data
def test_all_of_coco(data_root):
    found = summarise(read_coco_labels(CocoLabels(root=data_root / "coco", split="all")))
    assert (found.people, found.images) == (156165, 58945)
