"""Labels moved against their pictures, to measure what counting pixels from the wrong number costs."""

from dataclasses import replace

import numpy as np

from glasspose.structures import Annotation, Dataset


def shifted(dataset: Dataset, by: float) -> Dataset:
    """The same people, everything labelled of them `by` pixels further right and down; pictures stay."""

    def moved(person: Annotation) -> Annotation:
        keypoints = np.where(person.labelled[:, None], person.keypoints + by, person.keypoints)
        head = None if person.head_box is None else person.head_box + by
        return replace(person, keypoints=keypoints, box=person.box + by, head_box=head)

    return replace(dataset, annotations=[moved(person) for person in dataset.annotations])
