"""From annotation files to batches. `read` takes any configuration of configs/data.py; a new dataset is a file here and a line in `READERS`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from glasspose.configs.data import Coco, Data, Filtered, Mpii
from glasspose.data.coco import read_coco
from glasspose.data.coco_labels import read_coco_labels
from glasspose.data.drawn_people import read_drawn_people
from glasspose.data.faults import Fault
from glasspose.data.flic import read_flic, survey_flic
from glasspose.data.head_boxes import head_boxes
from glasspose.data.heads import with_heads
from glasspose.data.lists import without
from glasspose.data.lsp import read_lsp, read_lspet, survey_lsp, survey_lspet
from glasspose.data.mpii import read_mpii, survey_mpii
from glasspose.data.shifting import shifted
from glasspose.errors import AnnotationError
from glasspose.skeletons import LSP, Skeleton, shared_keypoints
from glasspose.structures import Annotation, Dataset

READERS: Mapping[str, Callable[[Any], Dataset]] = {
    "lsp": read_lsp,
    "lspet": read_lspet,
    "coco": read_coco,
    "coco_labels": read_coco_labels,
    "mpii": read_mpii,
    "flic": read_flic,
    "drawn_people": read_drawn_people,
}

SURVEYS: Mapping[str, Callable[[Any], tuple[Dataset, list[Fault]]]] = {
    "lsp": survey_lsp,
    "lspet": survey_lspet,
    "mpii": survey_mpii,
    "flic": survey_flic,
}
"""Readers that go on past entries that cannot be used. COCO's stands in checking.py, which asks it for everybody."""


def read(config: Data) -> Dataset:
    """The labelled people that a configuration names. AnnotationError where files are missing or malformed."""
    return _as_asked(READERS[config.kind](config), config)


def survey(config: Data) -> tuple[Dataset, list[Fault]]:
    """The people that can be used, and what is wrong with the others. AnnotationError where a file as a whole is unusable."""
    if config.kind not in SURVEYS:
        return read(config), []
    dataset, faults = SURVEYS[config.kind](config)
    return _as_asked(dataset, config), faults


def _as_asked(dataset: Dataset, config: Data) -> Dataset:
    dataset = shifted(dataset, config.shift) if isinstance(config, Filtered) and config.shift else dataset
    dataset = dataset if config.leave_out is None else without(dataset, config.leave_out)
    dataset = with_heads(dataset) if isinstance(config, Coco) and config.derive_head else dataset
    if config.skeleton == "head_box":
        return head_boxes(dataset)
    return as_skeleton(dataset, LSP) if isinstance(config, Mpii) and config.subset == "14" else dataset


def as_skeleton(dataset: Dataset, skeleton: Skeleton) -> Dataset:
    """The same people with the keypoints of another skeleton: copied by name (`SAME_PLACE` of skeletons.py says which
    names mean the same), the others not labelled. AnnotationError where no name is shared.
    """
    if dataset.skeleton == skeleton:
        return dataset
    shared = shared_keypoints(dataset.skeleton, skeleton)
    if not shared:
        raise AnnotationError(f"{dataset.name} ({dataset.skeleton.name}) shares no keypoint name with {skeleton.name}", "Rename its keypoints")
    to, source = (list(side) for side in zip(*shared, strict=True))

    def mapped(person: Annotation) -> Annotation:
        keypoints, labelled, occluded = np.zeros((len(skeleton), 2)), np.zeros(len(skeleton), bool), np.zeros(len(skeleton), bool)
        keypoints[to], labelled[to], occluded[to] = person.keypoints[source], person.labelled[source], person.occluded[source]
        return replace(person, keypoints=keypoints, labelled=labelled, occluded=occluded)

    return Dataset(name=dataset.name, skeleton=skeleton, annotations=[mapped(person) for person in dataset.annotations])
