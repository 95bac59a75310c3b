"""Write a small labelled dataset with five keypoints of one's own: `python docs/own_keypoints.py FOLDER`. The people are drawn.

The folder then holds what anybody's own labels would be: `photos/` and `keypoints.json` in COCO's form. The five keypoints are made up (a star:
crown, hands, feet), and their places are taken from the exact joints that drawn people have.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np

from glasspose.configs.data import DrawnPeople
from glasspose.data import read
from glasspose.structures import Annotation

PEOPLE = 500
STAR = {"crown": 13, "left_hand": 11, "right_hand": 6, "left_foot": 5, "right_foot": 0}
"""Our names, and the joints of drawn people that they lie on."""
LIMBS = [["crown", "left_hand"], ["right_hand", "crown"], ["left_foot", "crown"], ["right_foot", "crown"]]


def write(folder: Path) -> None:
    """Pictures and labels into a new folder."""
    people = read(DrawnPeople(count=PEOPLE, split="star", folder=folder / "drawn")).annotations
    (folder / "photos").mkdir(parents=True)
    for number, person in enumerate(people, 1):
        shutil.move(person.image, folder / "photos" / f"{number:04d}.png")
    shutil.rmtree(folder / "drawn")
    names = list(STAR)
    category = {"id": 1, "name": "star", "keypoints": names, "skeleton": [[names.index(a) + 1, names.index(b) + 1] for a, b in LIMBS]}
    images = [{"id": number, "file_name": f"{number:04d}.png", "height": 160, "width": 160} for number in range(1, PEOPLE + 1)]
    labels = [entry(number, person) for number, person in enumerate(people, 1)]
    (folder / "keypoints.json").write_text(json.dumps({"images": images, "annotations": labels, "categories": [category]}))


def entry(number: int, person: Annotation) -> dict[str, object]:
    """One person in COCO's form: x, y and a flag for each keypoint (0 not labelled, 1 hidden, 2 seen), and a box as x, y, width, height."""
    chosen = list(STAR.values())
    flags = np.where(person.labelled, 2 - person.occluded.astype(int), 0)[chosen]
    places = np.where(flags[:, None] > 0, person.keypoints[chosen].round(2), 0)
    box = [*person.box[:2], *(person.box[2:] - person.box[:2])]
    keypoints = np.column_stack([places, flags]).ravel().tolist()
    return {"id": number, "image_id": number, "category_id": 1, "keypoints": keypoints, "bbox": [float(side) for side in box], "area": person.area}


if __name__ == "__main__":
    write(Path(sys.argv[1]))
