"""Kinds of mistakes: what a wrong keypoint was confused with, and what mending each kind would gain.

The kinds are those of Ronchi and Perona (ICCV 2017), in our own words. A predicted keypoint is compared with its own label, with the label
of its left/right twin on the same person, and with both labels on every other annotated person of the picture; the label that it resembles
most claims it (ties go to its own). Its own label claims it: good from a similarity of 0.85 on, jitter from 0.5. The twin, or somebody
else, claims it from 0.5 on: inversion, or swap. Below 0.5 of everything: miss. Similarity is that of OKS for one keypoint, each label with
the size of the person whom it belongs to.

Letters: N people, M other people, K keypoints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.explain.sample import Sample
from glasspose.explain.tolerance import agreement, areas
from glasspose.geometry import scale_of, transform
from glasspose.skeletons import Skeleton
from glasspose.structures import Annotation

GOOD_FROM, NEAR_FROM = 0.85, 0.5
FEWEST = 3
"""Fewer labelled keypoints tell no size."""


class Kind(IntEnum):
    """In the order in which they are shown."""

    GOOD = 0
    JITTER = 1
    INVERSION = 2
    SWAP = 3
    MISS = 4


NAMES = tuple(kind.name.lower() for kind in Kind)


@dataclass(frozen=True, kw_only=True, eq=False)
class Others:
    """Further people annotated in the pictures of a sample, M in all, in the input pixels of the person beside whom they stand."""

    beside: Int[np.ndarray, " M"]
    keypoints: Float[np.ndarray, "M K 2"]
    labelled: Bool[np.ndarray, "M K"]
    area: Float[np.ndarray, " M"]


def classify(
    predicted: Float[np.ndarray, "N K 2"],
    truth: Float[np.ndarray, "N K 2"],
    labelled: Bool[np.ndarray, "N K"],
    area: Float[np.ndarray, " N"],
    skeleton: Skeleton,
    others: Others | None = None,
) -> Int[np.ndarray, "N K"]:
    """The `Kind` of every keypoint; -1 where it has no label. A whole dataset at once."""
    twin = list(skeleton.flip)
    own = np.where(labelled, agreement(predicted, truth, area, skeleton), -1.0)
    turned = np.where(labelled[:, twin] & (np.array(twin) != np.arange(len(twin))), _like(predicted, truth[:, twin], area, skeleton), -1.0)
    foreign = _foreign(predicted, skeleton, others)
    rivals = np.stack([own, turned, foreign])
    claimed, height = rivals.argmax(0), rivals.max(0)
    kinds = np.select(
        [height < NEAR_FROM, claimed == 1, claimed == 2, own >= GOOD_FROM], [Kind.MISS, Kind.INVERSION, Kind.SWAP, Kind.GOOD], Kind.JITTER
    )
    found: np.ndarray = np.where(labelled, kinds, -1)
    return found


def _like(predicted: np.ndarray, label: np.ndarray, area: np.ndarray, skeleton: Skeleton) -> Float[np.ndarray, "N K"]:
    """Similarity, with the tolerance of the predicted keypoint; twins share theirs."""
    return agreement(predicted, label, area, skeleton)


def _foreign(predicted: Float[np.ndarray, "N K 2"], skeleton: Skeleton, others: Others | None) -> Float[np.ndarray, "N K"]:
    """The highest similarity with the same or the twin keypoint of anybody else in the picture; -1 without anybody."""
    highest = np.full(predicted.shape[:2], -1.0)
    if others is None or not len(others.beside):
        return highest
    twin = list(skeleton.flip)
    for order in (list(range(len(twin))), twin):
        like = _like(predicted[others.beside], others.keypoints[:, order], others.area, skeleton)
        np.maximum.at(highest, others.beside, np.where(others.labelled[:, order], like, -1.0))
    return highest


def areas_of(sample: Sample) -> Float[np.ndarray, " N"]:
    """Square input pixels: the labels' own area where the skeleton has OKS constants, else that of the labelled keypoints' extent."""
    if sample.skeleton.sigmas is None or not sample.people:
        return areas(sample.keypoints, sample.labelled | ~np.asarray(sample.labelled.any(1))[:, None])
    scales = [scale_of(matrix) ** 2 for matrix in sample.image_to_input]
    return np.array([person.area for person in sample.people]) * scales


def classifiable(sample: Sample) -> Bool[np.ndarray, "N K"]:
    """Labelled keypoints of people with enough of them."""
    found: np.ndarray = sample.labelled & (sample.labelled.sum(1) >= FEWEST)[:, None]
    return found


def others_in(sample: Sample, everyone: Sequence[Annotation]) -> Others:
    """All annotated people who share a picture with somebody of the sample, each once for every such person.

    One label is enough where the labels bring an area; elsewhere the labelled keypoints must tell the size.
    """
    by_image: dict[int, list[Annotation]] = {}
    official = sample.skeleton.sigmas is not None
    for person in everyone:
        if person.labelled.sum() >= (1 if official else FEWEST):
            by_image.setdefault(person.image_id, []).append(person)
    pairs = [(i, o) for i, p in enumerate(sample.people) for o in by_image.get(p.image_id, []) if o.person_id != p.person_id]
    count = len(sample.skeleton)
    points = np.array([transform(other.keypoints, sample.image_to_input[i]) for i, other in pairs]).reshape(-1, count, 2)
    labelled = np.array([other.labelled for _, other in pairs], bool).reshape(-1, count)
    own = np.array([other.area * scale_of(sample.image_to_input[i]) ** 2 for i, other in pairs])
    area = own if official or not len(pairs) else areas(points, labelled)
    return Others(beside=np.array([i for i, _ in pairs], np.int64), keypoints=points, labelled=labelled, area=area)


@dataclass(frozen=True, kw_only=True, eq=False)
class Gain:
    """What setting the keypoints of one kind onto their labels adds to a measure."""

    kind: Kind
    share: float
    """Of all counted keypoints, that are of this kind."""
    added: float
    """To the measure. Kinds are disjoint, so gains do not depend on the order of mending, and all of them lead to exactly 1."""


def gains(kinds: Int[np.ndarray, "N K"], values: Float[np.ndarray, "N K"], counted: Bool[np.ndarray, "N K"]) -> list[Gain]:
    """For each kind, of a measure that is the mean of `values` (1 where right) over the counted keypoints."""
    total = max(int(counted.sum()), 1)
    lacking = np.where(counted, 1.0 - values, 0.0)
    chosen = [counted & (kinds == kind) for kind in Kind]
    return [Gain(kind=kind, share=float(own.sum()) / total, added=float(lacking[own].sum()) / total) for kind, own in zip(Kind, chosen, strict=True)]
