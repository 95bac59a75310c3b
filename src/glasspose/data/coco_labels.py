"""COCO's keypoint labels alone, in one .npz: for counting, and for measuring readers and metrics at COCO's true size."""

import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

from glasspose.configs.data import CocoLabels
from glasspose.data.choosing import chosen
from glasspose.data.lsp import AREA_OF_BOX, reference_length
from glasspose.errors import AnnotationError
from glasspose.skeletons import COCO
from glasspose.structures import Annotation, Dataset

NAME = "all_keypoint_labels_2017.npz"
LARGEST_FILE = 1 << 29
"""Bytes of all arrays, unpacked."""
SHAPES = {"image_id": (), "is_val": (), "bbox_cxcywh": (4,), "keypoints": (17, 3)}
DAMAGE = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, SyntaxError, OverflowError, NotImplementedError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)
"""What reading a damaged archive may raise."""
FURTHEST = 4.0
"""No position is so many pictures away."""


def read_coco_labels(config: CocoLabels) -> Dataset:
    """The people of one split, in the file's order, people without a keypoint only with --data.minimum-keypoints 0.

    AnnotationError where the file is missing, damaged, too large or holds something else.
    """
    path = config.root / (config.labels or NAME).replace("{split}", config.split)
    arrays = _arrays(path)
    parts = {"train": arrays["is_val"] == 0, "val": arrays["is_val"] != 0}
    places = np.flatnonzero(parts.get(config.split, np.ones(len(arrays["is_val"]), bool)))
    if config.split not in (*parts, "all") and config.splits is None:
        raise AnnotationError(f"{path} has no split {config.split!r}", "It has train, val and all")
    if config.split not in parts:
        places = np.arange(len(arrays["is_val"]))
    people = _people(arrays, places, config)
    images = Counter(person.image_id for person in people)
    people = chosen(people, [images[person.image_id] == 1 for person in people], config)
    if not people:
        raise AnnotationError(f"{path}: nobody is left of split {config.split!r}", "Leave more people in, or name another --data.split")
    return Dataset(name=f"coco_labels/{config.split}", skeleton=COCO, annotations=people)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise AnnotationError(f"{path} is not there", "Name the folder with --data.root and the file in it with --data.labels")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > LARGEST_FILE:
            raise AnnotationError(f"{path} is larger than {LARGEST_FILE >> 20} MiB", "COCO's labels are smaller")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in SHAPES}
    except DAMAGE as problem:
        raise AnnotationError(f"{path} cannot be read ({type(problem).__name__})", "Fetch it again") from None
    count = len(arrays["image_id"]) if arrays["image_id"].ndim else -1
    for name, shape in SHAPES.items():
        values = arrays[name]
        if values.shape != (count, *shape) or values.dtype.kind not in "iufb" or not (np.abs(values[..., :2] if shape else values) < 2**53).all():
            raise AnnotationError(f"{path}: {name} is {values.dtype} of shape {values.shape}", "Fetch it again")
    return arrays


def _people(arrays: dict[str, np.ndarray], places: np.ndarray, config: CocoLabels) -> list[Annotation]:
    height, width = config.nominal
    side = np.array([width, height], np.float64)
    points, flags = arrays["keypoints"][places, :, :2].astype(np.float64), arrays["keypoints"][places, :, 2]
    boxes = arrays["bbox_cxcywh"][places].astype(np.float64)
    labelled = flags > 0
    if not (np.isfinite(boxes).all() and (np.abs(boxes) < FURTHEST).all() and (np.abs(points[labelled]) < FURTHEST).all()):
        raise AnnotationError(f"{config.root}: a position in the labels is not a share of its picture", "Fetch the file again")
    keypoints = np.where(labelled[..., None], points * side, 0.0)
    middles, halves = boxes[:, :2] * side, np.maximum(boxes[:, 2:], 0) * side / 2
    corners, areas = np.concatenate([middles - halves, middles + halves], 1), AREA_OF_BOX * 4 * halves.prod(1)
    occluded, numbers = labelled & (flags == 1), arrays["image_id"][places].astype(np.int64).tolist()
    return [
        Annotation(
            image=config.root / f"{number:012d}.jpg",
            keypoints=keypoints[i],
            labelled=labelled[i],
            occluded=occluded[i],
            box=corners[i],
            area=float(areas[i]),
            torso=reference_length(keypoints[i], labelled[i], COCO.torso),
            image_id=number,
            person_id=place + 1,
        )
        for i, (number, place) in enumerate(zip(numbers, places.tolist(), strict=True))
    ]
