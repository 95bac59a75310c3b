"""Faults planted into drawn people, as a COCO file that the network that ships is judged on: they are found, and come first."""

import json
from dataclasses import replace
from importlib import import_module

import cv2
import numpy as np
import pytest

from glasspose import explain
from glasspose.configs.data import Coco, DrawnPeople
from glasspose.data import read
from glasspose.data.lists import read_people
from glasspose.explain.findings import found_of
from glasspose.explain.sample import labels_of
from glasspose.explain.slices import everything
from glasspose.skeletons import LSP

improving = import_module("glasspose.explain.improving")
pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow, pytest.mark.timeout(900)]
COUNT, FAULTY = 90, 18


def coco(folder, fault):
    """Two splits; `fault` changes (picture, keypoints) of the first people of each."""
    images, people = [], []
    for split in ("train", "val"):
        drawn = read(DrawnPeople(count=2 * COUNT, folder=folder / "drawn", split=split)).annotations
        views = everything(labels_of(drawn, LSP, (128, 128), split), (0, 0))["view"]
        found = [person for person, view in zip(drawn, views, strict=True) if view != "back"][:COUNT]  # from behind it exchanges the sides anyway
        document = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person", "keypoints": list(LSP.keypoints), "skeleton": []}]}
        images, people = document["images"], document["annotations"]
        (folder / split).mkdir()
        for number, person in enumerate(found, 1):
            picture, keypoints = cv2.imread(str(person.image)), person.keypoints
            if number <= FAULTY:
                picture, keypoints = fault(picture, keypoints)
            cv2.imwrite(str(folder / split / f"{number}.png"), picture)
            inside = ((keypoints >= 0) & (keypoints < picture.shape[1::-1])).all(1)
            low, high = keypoints[inside].min(0), keypoints[inside].max(0)
            images.append({"id": number, "file_name": f"{number}.png", "height": picture.shape[0], "width": picture.shape[1]})
            row = np.where(inside[:, None], np.column_stack([keypoints, np.full(len(keypoints), 2)]), 0).ravel().tolist()
            box = [*low.tolist(), *(high - low).tolist()]
            area = float(np.prod(high - low))
            people.append(
                {
                    "id": number,
                    "image_id": number,
                    "category_id": 1,
                    "keypoints": row,
                    "bbox": box,
                    "area": area,
                    "iscrowd": 0,
                    "num_keypoints": int(inside.sum()),
                }
            )
        (folder / f"{split}.json").write_text(json.dumps(document))
    return Coco(root=folder, annotations="{split}.json", images="{split}", split="val")


def upside_down(picture, keypoints):
    """And out of focus: the network knows people in any position."""
    turned = cv2.GaussianBlur(picture[::-1, ::-1].copy(), (0, 0), 0.06 * picture.shape[0])
    return turned, np.array(picture.shape[1::-1]) - 1 - keypoints


def mixed_up(picture, keypoints):
    """Every keypoint stands where the next one is."""
    return picture, np.roll(keypoints, 3, axis=0)


def test_a_rare_rotated_group_is_found_and_comes_first(tmp_path):
    data = coco(tmp_path, upside_down)
    asked = explain.errors("hourglass-tiny-lsp", data, n=COUNT)
    made = improving.improve("hourglass-tiny-lsp", data, n=COUNT, found={"errors": found_of(asked)}, out=tmp_path)
    first = made.numbers["proposals"][0]
    assert "rotation: head down" in first["what"]
    assert first["interval"][0] > 0
    made.save(tmp_path)
    listed = read_people(tmp_path / f"improve-{next(name for name in first['files'] if name.endswith('.json'))}")
    planted = {image for image, _ in listed} & set(range(1, FAULTY + 1))
    assert len(planted) >= 0.6 * FAULTY  # who leaned before does not stand on the head now
    assert len(planted) >= 0.8 * len(listed)


def test_a_group_with_broken_labels_is_found_and_comes_first(tmp_path):
    data = coco(tmp_path, mixed_up)
    known = {name: found_of(ask("hourglass-tiny-lsp", data, n=COUNT)) for name, ask in (("errors", explain.errors), ("labels", explain.labels))}
    made = improving.improve("hourglass-tiny-lsp", data, n=COUNT, found=known, out=tmp_path)
    first = made.numbers["proposals"][0]
    assert "review the labels" in first["what"]
    suspects = [one.image for one in known["labels"].people[:FAULTY]]
    assert sum(image <= FAULTY for image in suspects) >= 0.9 * FAULTY
    of_training = {"labels": replace(known["labels"], data="coco/train")}
    again = improving.improve("hourglass-tiny-lsp", data, n=COUNT, found=of_training, out=tmp_path)
    assert "without" in again.numbers["proposals"][0]["what"]
    left_out = json.loads(again.files["leave-out.json"])["people"]
    assert sum(one["image"] <= FAULTY for one in left_out) >= 0.8 * len(left_out)
