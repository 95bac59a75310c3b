"""Leeds Sports Pose and its Extended set: `joints.mat`, one person an image (Johnson and Everingham, BMVC 2010 and CVPR 2011)."""

import json
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from glasspose.configs.data import Lspet
from glasspose.errors import AnnotationError
from glasspose.geometry import extent
from glasspose.skeletons import LSP
from glasspose.structures import Annotation, Dataset

AREA_OF_BOX = 0.53
"""A person's share of its keypoint box: what COCO's people have in the median, used where no outline is labelled."""

LARGEST = 1e6
"""No joint lies so many pixels away: what is larger is a damaged number."""

MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
"""The element types of MATLAB's level 5 files that a joints.mat has."""

UNPACKED = 1 << 28
"""Bytes that a compressed array may become."""


def read_lspet(config: Lspet) -> Dataset:
    """The people of one split, in the order of `splits.json`.

    A joint is labelled where its flag is set; the others carry junk and are masked. Images without a single labelled joint are left out.
    AnnotationError where a file is missing or of another shape, or a labelled joint has no position.
    """
    joints = _joints(config.root / "joints.mat")
    numbers = _numbers(config.root / "splits.json", config.split, len(joints))
    labelled = [number for number in numbers if (joints[number - 1, :, 2] > 0.5).any()]
    people = [_person(config.root / "images" / f"im{number:05d}.jpg", number, joints[number - 1]) for number in labelled]
    return Dataset(name=f"lspet/{config.split}", skeleton=LSP, annotations=people)


def _joints(path: Path) -> Float[np.ndarray, "images 14 3"]:
    """x, y, labelled of every image. LSP stores (3, 14, images), LSPET (14, 3, images); LSP's flag says "occluded" and is turned round."""
    if not path.is_file():
        raise AnnotationError(f"{path} is not there", "Name the folder that holds joints.mat and images/ with --data.root")
    try:
        joints = _array(path.read_bytes(), b"joints").astype(np.float64)
    except (KeyError, ValueError, OSError, struct.error, zlib.error) as problem:
        raise AnnotationError(f"{path} is not a joints.mat ({type(problem).__name__})", "Fetch the dataset again") from None
    if joints.ndim == 3 and joints.shape[:2] == (14, 3):
        return joints.transpose(2, 0, 1)
    if joints.ndim == 3 and joints.shape[:2] == (3, 14):
        return joints.transpose(2, 1, 0) * [1, 1, -1] + [0, 0, 1]
    raise AnnotationError(f"{path}: joints of shape {joints.shape}", "Expected (14, 3, images) or (3, 14, images)")


def _array(file: bytes, name: bytes) -> np.ndarray:
    """A numeric array of a MATLAB level 5 file. KeyError, ValueError and the errors of struct and zlib where none of this name can be read.

    scipy reads these files too, but a damaged one makes it crash the process (1.17.1: an element of an unknown type).
    """
    if file[126:128] != b"IM":
        raise ValueError("not a level 5 file")
    for kind, payload in _elements(file[128:]):
        if kind == COMPRESSED:
            kind, payload = next(_elements(zlib.decompressobj().decompress(payload, UNPACKED)), (0, b""))
        parts = list(_elements(payload)) if kind == MATRIX else []
        if len(parts) >= 4 and parts[2][1] == name:
            values = np.frombuffer(parts[3][1], NUMBERS[parts[3][0]])
            return values.reshape(np.frombuffer(parts[1][1], "<i4"), order="F")
    raise KeyError(name)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of the elements in a row. Up to four bytes are packed into the tag itself, with the size in its upper half."""
    offset = 0
    while offset < len(data):
        kind, size = struct.unpack_from("<II", data, offset)
        start = offset + 8
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, min(kind >> 16, 4), offset + 4
        if start + size > len(data):
            raise ValueError("cut off")
        yield kind, data[start : start + size]
        offset = start + size if kind == COMPRESSED else offset + 8 + (-(-size // 8) * 8 if start == offset + 8 else 0)


def _numbers(path: Path, split: str, count: int) -> list[int]:
    if split == "all":
        return list(range(1, count + 1))
    numbers = split_ids(path, split)
    if any(not 1 <= number <= count for number in numbers):
        raise AnnotationError(f"{path}: split {split!r} names images outside 1 to {count}", "Image numbers count from 1")
    return numbers


def split_ids(path: Path, split: str) -> list[int]:
    """The image ids of one split of a `splits.json`. AnnotationError where the file or the split is missing, or the file is something else."""
    try:
        splits = json.loads(path.read_bytes())
        return [int(number) for number in splits[split]]
    except FileNotFoundError:
        raise AnnotationError(f"{path} is not there", "Write one with `glasspose data split`, or use --data.split all") from None
    except KeyError:
        raise AnnotationError(f"{path} has no split {split!r}", f"It has {', '.join(splits)}, and `all`") from None
    except (ValueError, TypeError, OverflowError, RecursionError, OSError) as problem:
        raise AnnotationError(f"{path} is not a split file ({type(problem).__name__})", 'It looks like {"train": [1, 2], "val": [3]}') from None


def _person(image: Path, number: int, joints: Float[np.ndarray, "14 3"]) -> Annotation:
    labelled = joints[:, 2] > 0.5
    keypoints = np.where(np.abs(joints[:, :2]) < LARGEST, joints[:, :2], 0.0)
    if not (np.abs(joints[labelled, :2]) < LARGEST).all():
        raise AnnotationError(f"{image.name}: joints.mat has no usable position for a labelled joint", "Fetch the dataset again")
    box = extent(keypoints, labelled)
    return Annotation(
        image=image,
        keypoints=keypoints,
        labelled=labelled,
        occluded=np.zeros(len(labelled), bool),
        box=box,
        area=AREA_OF_BOX * float((box[2] - box[0]) * (box[3] - box[1])),
        torso=reference_length(keypoints, labelled, LSP.torso),
        head=reference_length(keypoints, labelled, LSP.head),
        image_id=number,
        person_id=number,
    )


def reference_length(keypoints: Float[np.ndarray, "K 2"], labelled: np.ndarray, ends: tuple[int, int] | None) -> float | None:
    """The distance of two keypoints in pixels; None where one of them is not labelled or both coincide."""
    if ends is None or not (labelled[ends[0]] and labelled[ends[1]]):
        return None
    return math.dist(keypoints[ends[0]], keypoints[ends[1]]) or None
