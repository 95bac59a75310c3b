"""Drawn people whose masks are known: green rectangles on noise, in a COCO file that outlines some of them."""

import json

import cv2
import numpy as np

from glasspose.configs.data import Coco

SIDE = 100
"""A box of 80 pixels is cut out as a square of 100, which is then no larger and no smaller than in the picture."""
PARTS = ((50, 30, 70, 90), (70, 40, 95, 50))
"""Trunk and arm: x1, y1, x2, y2, corner-based picture pixels."""
CORNER = (20, 10)
"""Of the crop."""
NAMES = ["left_hand", "right_hand", "left_foot", "right_foot"]
POINTS = [[55, 35], [90, 45], [55, 85], [65, 85]]


def outline():
    return [[x1, y1, x2, y1, x2, y2, x1, y2] for x1, y1, x2, y2 in PARTS]


def green(pixels):
    """Where the person is, by colour: noise is never green."""
    return (pixels == (0, 255, 0)).all(-1)


def people(folder, outlined=(True, True)):
    """A person a picture; `outlined` says who has a `segmentation`."""
    rng = np.random.default_rng(0)
    document = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person", "keypoints": NAMES}]}
    for i, has in enumerate(outlined):
        picture = rng.integers(0, 200, (120, 140, 3), np.uint8)
        for x1, y1, x2, y2 in PARTS:
            picture[y1:y2, x1:x2] = (0, 255, 0)
        cv2.imwrite(str(folder / f"{i}.png"), picture[..., ::-1])
        document["images"].append({"id": i, "file_name": f"{i}.png"})
        keypoints = [number for x, y in POINTS for number in (x, y, 2)]
        person = {"id": i + 1, "image_id": i, "category_id": 1, "bbox": [30, 20, 80, 80], "keypoints": keypoints}
        document["annotations"].append(person | ({"segmentation": outline()} if has else {}))
    (folder / "labels.json").write_text(json.dumps(document))
    return Coco(root=folder, annotations="labels.json", images=".")
