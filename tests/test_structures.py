"""The types that travel: Poses as JSON and as COCO results, batches, datasets."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from glasspose.skeletons import LSP, Skeleton
from glasspose.structures import Annotation, Batch, Dataset, Poses

STICK = Skeleton(name="stick", keypoints=("top", "end"))


def poses(count=2, **more):
    return Poses(
        keypoints=np.arange(count * 4, dtype=np.float64).reshape(count, 2, 2) + 0.12346,
        scores=np.full((count, 2), 0.987654),
        seen=np.tile([True, False], (count, 1)),
        boxes=np.tile([1.0, 2.0, 30.256, 40.0], (count, 1)),
        person_scores=np.full(count, 0.5),
        skeleton=STICK,
        size=(480, 640),
        **more,
    )


def test_poses_as_json():
    data = json.loads(json.dumps(poses().to_json("a.jpg")))
    assert (data["format"], data["version"], data["image"], data["width"], data["height"]) == ("glasspose.poses", 1, "a.jpg", 640, 480)
    assert data["people"][1] == {
        "box": [1.0, 2.0, 30.26, 40.0],
        "score": 0.5,
        "keypoints": {
            "top": {"x": 4.123, "y": 5.123, "score": 0.9877, "seen": True},
            "end": {"x": 6.123, "y": 7.123, "score": 0.9877, "seen": False},
        },
    }


def test_tracks_are_told_only_where_there_are_any():
    assert [person["track"] for person in poses(track_ids=[7, 3]).to_json()["people"]] == [7, 3]
    assert "track" not in poses().to_json()["people"][0]


def test_poses_as_coco_results():
    first, second = json.loads(json.dumps(poses().to_coco(image_id=9)))
    assert first == {"image_id": 9, "category_id": 1, "keypoints": [0.1235, 1.1235, 0.9877, 2.1235, 3.1235, 0.9877], "score": 0.5}
    assert second["keypoints"][:2] == [4.1235, 5.1235]


def test_nobody_is_an_answer():
    assert len(poses(0)) == 0
    assert poses(0).to_json()["people"] == poses(0).to_coco(1) == []


def batch(people=5):
    numbers = torch.arange(people)
    return Batch(
        images=torch.zeros(people, 3, 4, 4),
        keypoints=torch.zeros(people, 2, 2),
        labelled=torch.ones(people, 2, dtype=torch.bool),
        occluded=torch.zeros(people, 2, dtype=torch.bool),
        image_to_input=torch.zeros(people, 2, 3),
        torso=numbers.float(),
        head=numbers.float(),
        index=numbers,
        weight=torch.ones(people),
    )


def test_a_part_of_a_batch_has_the_same_people_in_every_field():
    part = batch().part(1, 3)
    assert part.index.tolist() == [1, 2]
    assert part.torso.tolist() == part.head.tolist() == [1, 2]
    assert {len(getattr(part, field.name)) for field in dataclasses.fields(part)} == {2}


def test_a_batch_moves_with_all_its_fields():
    moved = batch().to("meta")
    assert {getattr(moved, field.name).device.type for field in dataclasses.fields(moved)} == {"meta"}


def test_a_dataset_is_as_long_as_its_people():
    empty = {"keypoints": np.zeros((14, 2)), "labelled": np.zeros(14, bool), "occluded": np.zeros(14, bool), "box": np.zeros(4), "area": 0.0}
    person = Annotation(image=Path("a.png"), image_id=1, person_id=1, **empty)
    assert len(Dataset(name="x", skeleton=LSP, annotations=[person] * 3)) == 3
    assert (person.torso, person.head, person.group, person.crowd) == (None, None, None, False)


@pytest.mark.parametrize("made", [poses, batch])
def test_nothing_is_changed_in_place(made):
    frozen = made()
    with pytest.raises(dataclasses.FrozenInstanceError):
        frozen.scores = None
