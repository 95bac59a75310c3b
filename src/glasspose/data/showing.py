"""Labelled people as pictures."""

from collections.abc import Sequence

import numpy as np

from glasspose.data.framing import evaluation_box
from glasspose.drawing import contact_sheet, draw_poses
from glasspose.geometry import crop_matrix, transform, warp
from glasspose.images import load_image
from glasspose.structures import Annotation, Dataset, Image, Poses

CELL = 192


def people_sheet(dataset: Dataset, chosen: Sequence[int], columns: int = 6) -> Image:
    """The evaluation squares of some people with their labels drawn; occluded keypoints are hollow."""
    people = [dataset.annotations[i] for i in chosen]
    captions = [f"{person.image.name[:24]}" for person in people]
    return contact_sheet([_drawn(person, dataset) for person in people], captions, columns, CELL)


def _drawn(person: Annotation, dataset: Dataset) -> Image:
    matrix = crop_matrix(evaluation_box(person), (CELL, CELL))
    points = np.where(person.labelled[:, None], transform(person.keypoints, matrix), -1e3)
    poses = Poses(
        keypoints=points[None],
        scores=person.labelled[None].astype(np.float64),
        seen=(person.labelled & ~person.occluded)[None],
        boxes=np.zeros((1, 4)),
        person_scores=np.ones(1),
        skeleton=dataset.skeleton,
        size=(CELL, CELL),
    )
    return draw_poses(warp(load_image(person.image), matrix, (CELL, CELL)), poses)
