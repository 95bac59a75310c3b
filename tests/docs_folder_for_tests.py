"""The folder in which a reader types the commands of the pages: everything that they name, as small as it can be."""

import gzip
import json
import shutil
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
import onnx
import scipy.io
import torch
from onnx import TensorProto, helper, numpy_helper

from glasspose.checkpoint import save_weights
from glasspose.configs.codecs import Heatmap
from glasspose.configs.data import DrawnPeople
from glasspose.data import read
from glasspose.evaluation import evaluate
from glasspose.exporting import export
from glasspose.network import PoseNetwork
from glasspose.skeletons import COCO, LSP, MPII
from recipes_for_tests import NANO

ROOT = Path(__file__).parents[1]
PEOPLE = {"train": 40, "val": 40, "test": 8}
"""As few as `explain layers` takes."""
OWN_RECIPE = """
model: {kind: hourglass, input_size: [128, 128], stacks: 2, channels: 64, depth: 3, level_channels: [96, 128, 192]}
data: {kind: drawn_people, count: 4}
packing: {size: 128}
epochs: 1
batch: 4
"""
LISTED = ((1, 2.0), (2, 3.0), (PEOPLE["train"] + 1, 1.0))
"""Numbers and weights of people who are on lists: of the training and of the validation part."""


def make_folder(folder):
    """Datasets in the form of their publishers, pictures, a video, boxes, lists, detectors, recipes and weights."""
    people = {split: read(DrawnPeople(count=count, split=split, folder=folder / "drawn")).annotations for split, count in PEOPLE.items()}
    make_lspet(folder / "lspet", people)
    make_coco(folder / "coco", people)
    make_mpii(folder / "mpii", people)
    shutil.copytree(folder / "lspet", folder / "DIR")
    shutil.copytree(folder / "coco", folder / "DIR", dirs_exist_ok=True)
    make_pictures(folder, people["val"])
    make_lists(folder)
    make_detectors(folder)
    make_onnx(folder / "model.onnx")
    make_weights(folder)
    make_evaluations(folder)
    (folder / "recipes").symlink_to(ROOT / "recipes")
    for name in ("my.yaml", "recipe.yaml"):
        (folder / name).write_text(OWN_RECIPE)


def named(person, skeleton):
    """x, y and COCO's flag (0 not labelled, 1 occluded, 2 visible) of another skeleton's keypoints; those of the face lie where faces have them."""
    flags = np.where(person.labelled, 2 - person.occluded.astype(int), 0)
    values = {name: (*person.keypoints[k], flags[k]) for k, name in enumerate(LSP.keypoints)}
    neck, top = (np.array(values[name][:2]) for name in LSP.keypoints[-2:])
    for name, up, aside in (("nose", 0.4, 0), ("left_eye", 0.5, 0.1), ("right_eye", 0.5, -0.1), ("left_ear", 0.5, 0.3), ("right_ear", 0.5, -0.3)):
        values[name] = (*(neck + up * (top - neck) + aside * np.array([1, -1]) * (top - neck)[::-1]), min(flags[-2:]))
    values |= {"upper_neck": values["neck"], "thorax": values["neck"], "pelvis": values["left_hip"]}
    found = np.array([values[name] for name in skeleton.keypoints])
    found[(found[:, :2] < 0).any(1)] = 0
    return np.where(found[:, 2:] > 0, found, 0)


def copy_picture(person, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.imread(str(person.image)))


def make_lspet(folder, people):
    everybody = [person for part in people.values() for person in part]
    joints = np.stack([np.column_stack([person.keypoints, person.labelled]) for person in everybody], 2)
    for number, person in enumerate(everybody, 1):
        copy_picture(person, folder / f"images/im{number:05d}.jpg")
    scipy.io.savemat(folder / "joints.mat", {"joints": joints})
    numbers = iter(range(1, len(everybody) + 1))
    (folder / "splits.json").write_text(json.dumps({name: [next(numbers) for _ in part] for name, part in people.items()}))


def make_coco(folder, people):
    """The last person of each part has no labelled keypoint. `masks.json`: the validation part, with outlines."""
    (folder / "annotations").mkdir(parents=True)
    category = {"id": 1, "name": "person", "keypoints": list(COCO.keypoints), "skeleton": [[6, 8]]}
    for split in ("train", "val"):
        images, annotations = [], []
        for number, person in enumerate(people[split], 1):
            name = f"{number:012d}.jpg"
            copy_picture(person, folder / f"{split}2017/{name}")
            images.append({"id": number, "file_name": name, "width": 160, "height": 160})
            flat = named(person, COCO) * (number < PEOPLE[split])
            x1, y1, x2, y2 = person.box.tolist()
            labels = {"keypoints": flat.ravel().tolist(), "num_keypoints": int((flat[:, 2] > 0).sum()), "bbox": [x1, y1, x2 - x1, y2 - y1]}
            annotations.append({"id": number, "image_id": number, "category_id": 1, "area": person.area, "iscrowd": 0, **labels})
        content = {"images": images, "annotations": annotations, "categories": [category]}
        (folder / f"annotations/person_keypoints_{split}2017.json").write_text(json.dumps(content))
    for entry in annotations:
        x, y, width, height = entry["bbox"]
        entry["segmentation"] = [[x, y, x + width, y, x + width, y + height, x, y + height]]
    (folder / "masks.json").write_text(json.dumps(content))


def make_mpii(folder, people):
    """As the community's json has them: pixels from 1, the scale in units of 200 pixels."""
    entries = []
    for number, person in enumerate([*people["train"][:4], *people["val"][:8]], 1):
        name, found = f"{number:09d}.jpg", named(person, MPII)
        copy_picture(person, folder / "images" / name)
        joints = np.where(found[:, 2:] > 0, found + np.array([1, 1, 0]), 0)
        joints[:, 2] = found[:, 2] == 2
        x1, y1, x2, y2 = person.box.tolist()
        place = {"objpos": [(x1 + x2) / 2, (y1 + y2) / 2], "scale_provided": max(x2 - x1, y2 - y1) / 200}
        order = {"annolist_index": float(number), "people_index": 1.0, "numOtherPeople": 0.0, "isValidation": float(number > 4)}
        entries.append({"img_paths": name, "joint_self": joints.tolist(), **place, **order})
    (folder / "mpii_annotations.json.gz").write_bytes(gzip.compress(json.dumps(entries).encode()))


def make_pictures(folder, people):
    """A portrait, a folder of three pictures, a crowd of two, and a video of five frames."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as portrait:
        (folder / "photo.jpg").write_bytes(portrait.read())
    pictures = [cv2.imread(str(person.image)) for person in people]
    for number, person in enumerate(people[:3]):
        copy_picture(person, folder / f"photos/{number}.jpg")
    cv2.imwrite(str(folder / "crowd.jpg"), cv2.resize(np.hstack(pictures[:2]), (640, 420)))
    video = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (160, 160))
    for picture in pictures[:5]:
        video.write(picture)
    video.release()


def make_lists(folder):
    """Of boxes, and of people."""
    boxes = [{"box": [24.0, 31.5, 180.0, 402.0], "score": 0.98}, {"box": [310, 20, 420, 396]}]
    (folder / "boxes.json").write_text(json.dumps({"format": "glasspose.boxes", "version": 1, "images": {"crowd.jpg": boxes}}))
    detections = [{"image_id": number, "category_id": 1, "bbox": [20, 10, 120, 140], "score": 0.9} for number in range(1, PEOPLE["val"] + 1)]
    (folder / "detections.json").write_text(json.dumps(detections))
    listed = [{"image": number, "person": number, "weight": weight} for number, weight in LISTED]
    for name in ("suspects.json", "rare.json"):
        (folder / name).write_text(json.dumps({"format": "glasspose.people", "version": 1, "people": listed}))


def make_detectors(folder):
    """A folder of transformers, a network of ONNX with its description, and a network of maps for `explain why`."""
    from test_people_onnx import plain
    from test_people_transformers import tiny, transformers

    tiny({0: "dog", 1: "person"}).save_pretrained(folder / "my-detector")
    transformers.YolosImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder / "my-detector")
    (folder / "detectors").mkdir()
    plain(folder / "detectors")
    for suffix in (".onnx", ".json"):
        (folder / f"detectors/tiny{suffix}").rename(folder / f"detectors/people{suffix}")


def make_onnx(path):
    """A network of maps, as another program may have written it: one convolution to a map for each keypoint."""
    weights = np.random.default_rng(0).normal(size=(len(LSP), 3, 4, 4)).astype(np.float32)
    node = helper.make_node("Conv", ["images", "weights"], ["maps"], strides=[4, 4])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, *shape)) for name, shape in (("images", (3, 64, 64)), ("maps", (14, 16, 16)))]
    graph = helper.make_graph([node], "maps", ends[:1], ends[1:], [numpy_helper.from_array(weights, "weights")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def make_weights(folder):
    """Of a network that has learned nothing and sees everything, under the names of a reader's own; one finds COCO's keypoints."""
    coco = "runs/thesis-coco/best"
    for name in ("WEIGHTS", "best", "runs/thesis/best", "runs/star/best", "runs/squeezed-autoencoder/best", "runs/squeezed-control/best", coco):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        network = PoseNetwork(NANO, Heatmap(), COCO if name == coco else LSP)
        for head in network.model.heads:
            torch.nn.init.constant_(head.bias, 0.3)
            head.weight.data.mul_(20)  # else its maps are so flat that `export` finds nothing to prove
        thresholds = {"seen": [0.0] * len(network.skeleton), "person": 0.0, "note": "for tests"}
        save_weights(folder / f"{name}.safetensors", network, {"calibration": thresholds})
    export(folder / "WEIGHTS.safetensors", to="onnx", out=folder / "pose.onnx")


def make_evaluations(folder):
    """Two that `compare` takes."""
    for name, flip_test in (("a.json", True), ("b.json", False)):
        found = evaluate(folder / "WEIGHTS.safetensors", DrawnPeople(count=4, folder=folder / "drawn"), flip_test=flip_test, keep=True)
        (folder / name).write_text(json.dumps(found))
