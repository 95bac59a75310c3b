"""Frames Labeled In Cinema (Sapp and Taskar, CVPR 2013): the upper body in pictures of Hollywood films, from the h5 of the hourglass release."""

from pathlib import Path

import numpy as np

from glasspose.configs.data import Flic
from glasspose.data.choosing import chosen
from glasspose.data.faults import Fault, refuse
from glasspose.data.hourglass_labels import HourglassLabels, survey_hourglass_labels
from glasspose.data.lsp import AREA_OF_BOX, reference_length
from glasspose.errors import AnnotationError
from glasspose.geometry import extent
from glasspose.skeletons import FLIC
from glasspose.structures import Annotation, Dataset

SIDE = 200.0 / 1.25
"""Pixels of the box for a scale of 1: the hourglass release crops squares of 200, and `evaluation_box` brings in 1.25."""


def read_flic(config: Flic) -> Dataset:
    """The people of one file, in its order; no picture is opened.

    The box is the square about the torso's middle that the hourglass release crops, the torso |right shoulder - left hip|. A picture may
    hold more people than are labelled, so `single_person` counts the labelled. AnnotationError where the file is missing or damaged.
    """
    dataset, faults = survey_flic(config)
    refuse(_path(config), faults)
    return dataset


def survey_flic(config: Flic) -> tuple[Dataset, list[Fault]]:
    """The people that can be used, and what is wrong with the others."""
    path = _path(config)
    found, survey = survey_hourglass_labels(path, len(FLIC))
    first = {name: place for place, name in reversed(list(enumerate(found.images)))}
    kept = np.flatnonzero(survey.sound & (found.keypoints != 0).any((1, 2))).tolist()
    alone = [found.images.count(found.images[i]) == 1 for i in kept] if config.single_person else [False] * len(kept)
    people = [_person(found, i, int(found.image_numbers[first[found.images[i]]]) + 1, config) for i in kept]
    people = chosen(people, alone, config)
    if not people and not survey.faults:
        raise AnnotationError(f"{path}: nobody is left of split {config.split!r}", "Leave more people in, or name another --data.split")
    return Dataset(name=f"flic/{config.split}", skeleton=FLIC, annotations=people), survey.faults


def _path(config: Flic) -> Path:
    return config.root / (config.labels or "{split}.h5").replace("{split}", config.split)


def _person(found: HourglassLabels, i: int, image: int, config: Flic) -> Annotation:
    keypoints, labelled = found.keypoints[i], (found.keypoints[i] != 0).any(-1)
    around, half = extent(keypoints, labelled), SIDE * found.scales[i] / 2
    middle = found.centres[i] + 0.5
    return Annotation(
        image=config.root / "images" / found.images[i],
        keypoints=keypoints,
        labelled=labelled,
        occluded=labelled & (found.visible[i] < 0.5),
        box=np.concatenate([middle - half, middle + half]) if half > 0 else around,
        area=AREA_OF_BOX * float((around[2:] - around[:2]).prod()),
        torso=reference_length(keypoints, labelled, FLIC.torso),
        head=None,
        image_id=image,
        person_id=int(found.image_numbers[i]) + 1,
    )
