"""Small label files of every dataset, written as their publishers do, with people who are known."""

import gzip
import json

import h5py
import numpy as np
import scipy.io

from glasspose.skeletons import COCO

MPII_PEOPLE = 3
"""Two in the first picture (the second of them without scale, place and ankles), one in the second; image 3 is of the test set."""


def mpii_points():
    """x, y of 16 keypoints counted from 1, and which of them are labelled and visible, for each of the three."""
    points = np.stack([np.stack([100 + 10 * np.arange(16) + 50 * n, 200 + 7 * np.arange(16)], 1).astype(float) + 0.25 for n in range(3)])
    labelled, visible = np.ones((3, 16), bool), np.ones((3, 16), bool)
    labelled[1, [0, 5]] = False
    visible[:, 10] = False
    return points, labelled, visible & labelled


PLACES = [(300.0, 250.0, 2.0), (0.0, 0.0, 0.0), (310.0, 260.0, 1.5)]
"""objpos and scale."""
HEAD_BOX = (90.0, 80.0, 120.0, 120.0)
NUMBERS = [(1, 1), (1, 2), (2, 1)]


def mpii_json(folder, name="mpii_annotations.json", validation=(0, 0, 1)):
    points, labelled, visible = mpii_points()
    people = []
    for n, (image, person) in enumerate(NUMBERS):
        joints = np.column_stack([np.where(labelled[n][:, None], points[n], 0), visible[n]])
        people.append(
            {
                "isValidation": float(validation[n]),
                "img_paths": f"{image:09d}.jpg",
                "objpos": list(PLACES[n][:2]),
                "scale_provided": PLACES[n][2],
                "joint_self": joints.tolist(),
                "annolist_index": float(image),
                "people_index": float(person),
                "numOtherPeople": 1.0 if image == 1 else 0.0,
            }
        )
    content = json.dumps(people).encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return people


def hourglass_h5(path, points, labelled, visible, centres, scales, lengths, numbers, names, letter_codes=False):
    with h5py.File(path, "w") as file:
        file["part"] = np.where(labelled[..., None], points, 0)
        file["visible"] = visible.astype(float)
        file["center"], file["scale"], file["normalize"] = np.array(centres, float), np.array(scales, float), np.array(lengths, float)
        file["index"], file["person"] = np.array(numbers, float)[:, 0] - 1, np.array(numbers, float)[:, 1] - 1
        texts = np.array(names, "S16")
        file["imgname"] = np.frombuffer(texts.tobytes(), np.uint8).reshape(-1, 16).astype(float) if letter_codes else texts


def mpii_h5(folder, name="valid.h5", people=(0, 1, 2), letter_codes=False):
    """As the hourglass release has it: lower by 15 scales, 1.25 times as large, positions cut to whole pixels."""
    points, labelled, visible = mpii_points()
    chosen = list(people)
    centres = [(PLACES[n][0], PLACES[n][1] + 15 * PLACES[n][2]) for n in chosen]
    scales = [1.25 * PLACES[n][2] for n in chosen]
    numbers = [NUMBERS[n] for n in chosen]
    names = [f"{image:09d}.jpg" for image, _ in numbers]
    positions = np.trunc(points[chosen])
    lengths = [30.0] * len(chosen)
    hourglass_h5(folder / name, positions, labelled[chosen], visible[chosen], centres, scales, lengths, numbers, names, letter_codes)


def mpii_hrnet(folder, name="train.json"):
    points, labelled, _ = mpii_points()
    people = [
        {
            "joints": np.where(labelled[n][:, None], points[n], -1).tolist(),
            "joints_vis": labelled[n].astype(int).tolist(),
            "image": f"{image:09d}.jpg",
            "center": list(PLACES[n][:2]),
            "scale": PLACES[n][2],
        }
        for n, (image, _) in enumerate(NUMBERS)
    ]
    (folder / name).write_text(json.dumps(people))


def _records(rows, fields):
    """A 1 x n MATLAB struct array."""
    array = np.zeros((1, len(rows)), [(field, object) for field in fields])
    for place, row in enumerate(rows):
        for field in fields:
            array[0, place][field] = row.get(field, np.zeros((0, 0)))
    return array


def mpii_rect(n):
    points, labelled, visible = mpii_points()
    rows = []
    for k in np.random.default_rng(n).permutation(np.flatnonzero(labelled[n])):
        flag = np.zeros((0, 0)) if k in (8, 9) else str(int(visible[n, k])) if n == 0 else float(visible[n, k])
        rows.append({"x": points[n, k, 0], "y": points[n, k, 1], "id": float(k), "is_visible": flag})
    rect = dict(zip(("x1", "y1", "x2", "y2"), HEAD_BOX, strict=True))
    rect["annopoints"] = _records([{"point": _records(rows, ["x", "y", "id", "is_visible"])}], ["point"])
    if PLACES[n][2]:
        rect |= {"scale": PLACES[n][2], "objpos": _records([{"x": PLACES[n][0], "y": PLACES[n][1]}], ["x", "y"])}
    return rect


def mpii_mat(folder, name="mpii_human_pose_v1_u12_1.mat", compressed=True, rects=None):
    """RELEASE with the nesting of the official file; the third image is of the test set."""
    fields = ["x1", "y1", "x2", "y2", "annopoints", "scale", "objpos"]
    of_image = rects or [[mpii_rect(0), mpii_rect(1)], [mpii_rect(2)], [{"scale": 1.0}]]
    images = [
        {"image": _records([{"name": f"{i + 1:09d}.jpg"}], ["name"]), "annorect": _records(rects, fields), "vididx": np.zeros((0, 0))}
        for i, rects in enumerate(of_image)
    ]
    annolist = _records(images, ["image", "annorect", "vididx"])
    single = np.empty((3, 1), object)
    single[:, 0] = [np.array([1.0]), np.array([1.0]), np.zeros((0, 0))]
    release = {"annolist": annolist, "img_train": np.array([[1.0, 1.0, 0.0]]), "version": "12", "single_person": single}
    scipy.io.savemat(folder / name, {"RELEASE": _records([release], list(release))}, do_compression=compressed)


def flic_h5(folder, name="train.h5"):
    rng = np.random.default_rng(0)
    points, labelled = rng.uniform(100, 400, (3, 11, 2)), np.ones((3, 11), bool)
    labelled[2, 6] = False
    names = ["a.jpg", "b.jpg", "b.jpg"]
    hourglass_h5(folder / name, points, labelled, labelled, [(250, 240)] * 3, [2.2] * 3, [150.0] * 3, [(5, 1), (6, 1), (7, 1)], names)
    return points


def coco_labels(folder, name="all_keypoint_labels_2017.npz", **changes):
    """Five people: two in image 4, one in 9; a person without a keypoint and one of the validation set."""
    keypoints = np.zeros((5, 17, 3), np.float32)
    keypoints[..., :2] = np.random.default_rng(0).uniform(0.2, 0.8, (5, 17, 2))
    keypoints[..., 2] = 2
    keypoints[0, 3:, 2], keypoints[1, 5, 2], keypoints[3, :, 2] = 0, 1, 0
    arrays = {
        "image_id": np.array([4, 4, 9, 11, 12], np.int32),
        "is_val": np.array([0, 0, 0, 0, 1], np.uint8),
        "bbox_cxcywh": np.tile(np.array([0.5, 0.5, 0.5, 0.25], np.float32), (5, 1)),
        "keypoints": keypoints,
    }
    np.savez_compressed(folder / name, **(arrays | changes))
    return keypoints


def coco_json(folder):
    """Three people in two images, and a crowd in a third."""
    (folder / "annotations").mkdir(exist_ok=True)
    values = [v for k in range(17) for v in (20 + 2 * k, 30 + 3 * k, 2)]
    person = {"category_id": 1, "keypoints": values, "bbox": [18, 28, 40, 60], "area": 1200, "iscrowd": 0}
    people = [person | {"id": n + 1, "image_id": image} for n, image in enumerate((1, 1, 2))]
    people.append(person | {"id": 4, "image_id": 3, "iscrowd": 1})
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO.keypoints), "skeleton": []}]
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in (1, 2, 3)]
    document = {"images": images, "annotations": people, "categories": categories}
    (folder / "annotations/person_keypoints_train2017.json").write_text(json.dumps(document))


def lsp_mat(folder, count=4):
    """(3, 14, images), the flag says "occluded"."""
    joints = np.random.default_rng(0).uniform(10, 100, (3, 14, count))
    joints[2] = 0
    joints[2, 4, 1] = 1
    scipy.io.savemat(folder / "joints.mat", {"joints": joints})
    return joints


def lspet_mat(folder, count=4):
    joints = np.random.default_rng(0).uniform(10, 100, (14, 3, count))
    joints[:, 2] = 1
    scipy.io.savemat(folder / "joints.mat", {"joints": joints})
