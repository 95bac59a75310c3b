"""What tests of the command line ask of an answer, and the data they name."""

import json
from pathlib import Path

import cv2
import numpy as np
from jsonschema import validate

from dots_for_tests import DOTS, dot_picture, moved

ROOT = Path(__file__).parents[1]
DRAWN = ("--data.kind", "drawn_people", "--data.count", "4", "--data.folder", "drawn")


def fails(answer, code, *words):
    """With this code, and one line on stderr that holds these words."""
    assert answer[0] == code, answer
    lines = answer[2].strip().splitlines()
    assert len(lines) == 1, answer
    assert all(word in lines[0] for word in words), lines


def people_of(name, out="glasspose-out/predict"):
    data = json.loads(Path(out, f"{name}.pose.json").read_text())
    validate(data, json.loads((ROOT / "docs/schemas/poses.schema.json").read_text()))
    return data["people"]


def places(person):
    return np.array([[point["x"], point["y"]] for point in person["keypoints"].values()])


def coco_file(folder, people, names=DOTS.keypoints):
    """A COCO data set of pictures of dots: (picture, shift, labelled) for each person."""
    folder.mkdir(exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    (folder / "images").mkdir(exist_ok=True)
    pictures = {number: np.full((200, 300 * width, 3), (124, 116, 104), np.uint8) for number, width in ((n, 2) for n, _ in people)}
    annotations = []
    for i, (number, shift) in enumerate(people):
        figure = moved(shift)
        picture = dot_picture(figure, (200, 600))
        changed = (picture != (124, 116, 104)).any(2)
        pictures[number][changed] = picture[changed]
        low, high = figure.min(0) - 10, figure.max(0) + 10
        values = np.column_stack([figure, np.full(6, 2)]).ravel().tolist()
        box = [*low, *(high - low)]
        annotations.append(
            {"id": i + 1, "image_id": number, "category_id": 1, "keypoints": values, "num_keypoints": 6, "bbox": box, "area": 9000.0, "iscrowd": 0}
        )
    images = [{"id": n, "file_name": f"{n:012d}.png", "width": 600, "height": 200} for n in pictures]
    for number, picture in pictures.items():
        cv2.imwrite(str(folder / "images" / f"{number:012d}.png"), picture[..., ::-1])
    categories = [{"id": 1, "name": "dots", "keypoints": list(names), "skeleton": [[1, 2]]}]
    (folder / "annotations/dots.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    options = {"kind": "coco", "root": folder, "annotations": "annotations/dots.json", "images": "images", "split": "all"}
    return [word for key, value in options.items() for word in (f"--data.{key}", value)]


SIGMAS = [word for _ in range(6) for word in ("--data.sigmas", "0.05")]


def report(path="report.json"):
    data = json.loads(Path(path).read_text())
    validate(data, json.loads((ROOT / "docs/schemas/evaluation.schema.json").read_text()))
    return data
