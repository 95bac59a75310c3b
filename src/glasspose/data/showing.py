"""Labelled people as pictures."""

from collections.abc import Sequence

import cv2
import numpy as np

from glasspose.configs.training import Packing
from glasspose.data.framing import framed
from glasspose.drawing import contact_sheet, draw_poses, fused_heatmaps
from glasspose.geometry import Box, Matrix, crop_matrix, resize_matrix, transform, warp
from glasspose.images import load_image
from glasspose.structures import Annotation, Dataset, Image, Poses

CELL = 192
MAP = 64
"""Pixels of a cell, and of a target map."""
YELLOW = (255, 220, 0)
USUAL = Packing()
"""The evaluation square."""


def people_sheet(dataset: Dataset, chosen: Sequence[int], columns: int = 6, framing: Packing = USUAL) -> Image:
    """The squares of some people with their labels drawn; occluded keypoints are hollow. ValueError for a person whom the framing leaves out."""
    people = [dataset.annotations[i] for i in chosen]
    captions = [f"{person.image.name[:24]}" for person in people]
    return contact_sheet([_drawn(person, dataset, framing) for person in people], captions, columns, CELL)


def fits(person: Annotation, framing: Packing) -> bool:
    """Whether the framing takes the person in."""
    return framing.framing == "box" or (bool(person.labelled.any()) and framed(person, framing) is not None)


def preparation_sheet(dataset: Dataset, chosen: Sequence[int], keypoint: str, framing: Packing = USUAL) -> Image:
    """A row for each person: the picture, its labels and the person's square on it, the square itself, and one keypoint's target map over it.

    AnnotationError where the skeleton has no keypoint of that name, ValueError for a person whom the framing leaves out.
    """
    k = dataset.skeleton.index(keypoint)
    pictures, captions = [], []
    for person in (dataset.annotations[i] for i in chosen):
        image = load_image(person.image)
        whole = resize_matrix(image.shape[:2], _fitting(image.shape[:2]))
        matrix, box = _matrix(person, framing)
        crop = warp(image, matrix, (CELL, CELL))
        target = _target(transform(person.keypoints[k], matrix), bool(person.labelled[k]))
        small = warp(image, whole, _fitting(image.shape[:2]))
        labels = draw_poses(small, _labels(person, dataset, whole, _fitting(image.shape[:2])))
        (x1, y1), (x2, y2) = np.rint(transform(box.reshape(2, 2) - 0.5, whole)).astype(int).tolist()
        cv2.rectangle(labels, (x1, y1), (x2, y2), YELLOW, 1)
        pictures += [small, labels, crop, fused_heatmaps(crop, target[None], resize_matrix((CELL, CELL), (MAP, MAP)))]
        captions += [person.image.name, "labels and square", "square", keypoint if person.labelled[k] else f"{keypoint}: no label"]
    return contact_sheet(pictures, captions, 4, CELL)


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    scale = CELL / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _target(point: np.ndarray, labelled: bool) -> np.ndarray:
    """A Gaussian of height 1 and of one map pixel, as in the usual targets; empty where there is no label."""
    x, y = transform(point, resize_matrix((CELL, CELL), (MAP, MAP)))
    rows, columns = np.mgrid[:MAP, :MAP]
    return np.asarray(np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 2) * labelled)


def _matrix(person: Annotation, framing: Packing) -> tuple[Matrix, Box]:
    """To the cell, and what is shown in it."""
    box = framed(person, framing)
    if box is None:
        raise ValueError(f"{person.person_id} does not fit the framing")
    return crop_matrix(box, (CELL, CELL)), box


def _drawn(person: Annotation, dataset: Dataset, framing: Packing) -> Image:
    matrix, _ = _matrix(person, framing)
    return draw_poses(warp(load_image(person.image), matrix, (CELL, CELL)), _labels(person, dataset, matrix, (CELL, CELL)))


def _labels(person: Annotation, dataset: Dataset, matrix: Matrix, size: tuple[int, int]) -> Poses:
    """As they lie in a picture of this size; `matrix` leads there. What is not labelled lies outside it."""
    points = np.where(person.labelled[:, None], transform(person.keypoints, matrix), -1e3)
    return Poses(
        keypoints=points[None],
        scores=person.labelled[None].astype(np.float64),
        seen=(person.labelled & ~person.occluded)[None],
        boxes=np.zeros((1, 4)),
        person_scores=np.ones(1),
        skeleton=dataset.skeleton,
        size=size,
    )
