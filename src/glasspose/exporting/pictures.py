"""The crops on which an exported file is compared with PyTorch: always the same for the same choice."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8

from glasspose.configs.data import Data, DrawnPeople
from glasspose.configs.framing import Framing
from glasspose.data import as_skeleton, read
from glasspose.data.framing import shown
from glasspose.errors import InputError
from glasspose.geometry import Box, crop_matrix, fit_aspect, warp
from glasspose.images import SUFFIXES, load_image
from glasspose.skeletons import Skeleton
from glasspose.structures import Annotation, Image

T = TypeVar("T")
Crops = UInt8[np.ndarray, "N H W 3"]
DRAWN = 24
MOST = 200
"""People of a dataset, or pictures of a folder, taken at even distances."""


def default_crops(size: tuple[int, int]) -> Crops:
    """The portrait inside matplotlib, whole and closer, and drawn people: what is on every machine."""
    import matplotlib.cbook

    portrait = load_image(Path(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))))
    height, width = portrait.shape[:2]
    boxes = [np.array([0, 0, width, height]) * share + away for share, away in ((1, 0), (0.7, 60))]
    near = [_crop(portrait, fit_aspect(box, size), size) for box in boxes]
    return np.concatenate([np.stack(near), people_crops(read(DrawnPeople(count=DRAWN, split="parity")).annotations, size, Framing())])


def folder_crops(folder: Path, size: tuple[int, int]) -> Crops:
    """Every picture of a folder, whole. InputError where there is none."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", "Name a folder of pictures with --pictures")
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise InputError(f"{folder} holds no pictures", "Name a folder of pictures with --pictures")
    images = (load_image(path) for path in spread(paths, MOST))
    return np.stack([_crop(image, fit_aspect((0, 0, image.shape[1], image.shape[0]), size), size) for image in images])


def dataset_people(data: Data, skeleton: Skeleton) -> list[Annotation]:
    """People with a labelled keypoint of this skeleton. InputError where there is nobody."""
    people = [person for person in as_skeleton(read(data), skeleton).annotations if person.labelled.any() and not person.crowd]
    if not people:
        raise InputError(f"{data.kind} {data.split} has nobody with a labelled keypoint", "Choose another --data.split")
    return people


def people_crops(people: Sequence[Annotation], size: tuple[int, int], framing: Framing) -> Crops:
    """Each person as in training and evaluation."""
    return np.stack([_crop(load_image(person.image), shown(person, framing, size), size) for person in people])


def _crop(image: Image, box: Box, size: tuple[int, int]) -> UInt8[np.ndarray, "H W 3"]:
    return warp(image, crop_matrix(box, size), size)


def spread(things: Sequence[T], most: int) -> list[T]:
    """At even distances."""
    return [things[i] for i in np.unique(np.linspace(0, len(things) - 1, min(most, len(things))).round().astype(int))]
