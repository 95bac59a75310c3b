"""What is wrong with a dataset, rule by rule, before a network learns it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from glasspose.configs.data import Coco, Data
from glasspose.data import survey
from glasspose.data.coco import survey_coco
from glasspose.data.faults import Fault, Severity
from glasspose.data.outlines import outline_faults
from glasspose.errors import ImageError
from glasspose.geometry import inside
from glasspose.images import load_image
from glasspose.skeletons import Skeleton
from glasspose.structures import Annotation, Dataset

SAME_PERSON = 0.02
"""Two labels of one image are the same person where their common keypoints differ by less than this part of the box, in the mean."""
TWISTED = 0.25
"""Shoulders and hips contradict each other where both are at least this wide across the trunk, in trunk lengths, and opposite."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """All findings about a dataset, errors first."""

    name: str
    people: int
    images: int
    faults: Sequence[Fault]

    def by_rule(self) -> Mapping[str, Sequence[Fault]]:
        """The findings of every rule that found something."""
        groups: dict[str, list[Fault]] = defaultdict(list)
        for fault in self.faults:
            groups[fault.rule].append(fault)
        return groups

    def count(self, severity: Severity) -> int:
        """How many errors, warnings or notes there are."""
        return sum(fault.severity == severity for fault in self.faults)

    def to_json(self, first: int = 10) -> dict[str, Any]:
        """Counts by rule, with the first few places of each."""
        rules = [
            {
                "rule": rule,
                "severity": faults[0].severity,
                "count": len(faults),
                "remedy": faults[0].remedy,
                "first": [{"where": fault.where, "detail": fault.detail} for fault in faults[:first]],
            }
            for rule, faults in self.by_rule().items()
        ]
        return {"format": "glasspose.check", "version": 1, "data": self.name, "people": self.people, "images": self.images, "rules": rules}


def check(data: Dataset | Data) -> Report:
    """Hold a dataset against every rule; each picture is decoded once. AnnotationError where the annotation file as a whole cannot be read."""
    dataset, faults = everybody(data)
    paths = sorted({person.image for person in dataset.annotations})
    with ThreadPoolExecutor() as pool:
        pictures = dict(zip(paths, pool.map(look, paths), strict=True))
    faults += _image_faults(pictures)
    group = People(skeleton=dataset.skeleton, people=dataset.annotations, sizes={})
    faults += _found(PREMISES, group)
    broken = {i for rule in PREMISES for i, _ in rule.find(group)}
    sound = [person for i, person in enumerate(dataset.annotations) if i not in broken]
    sizes = {path: seen for path, seen in pictures.items() if not isinstance(seen, ImageError)}
    faults += _found(RULES, People(skeleton=dataset.skeleton, people=sound, sizes=sizes))
    order: tuple[Severity, ...] = ("error", "warning", "note")
    faults.sort(key=lambda fault: order.index(fault.severity))
    return Report(name=dataset.name, people=len(dataset), images=len(paths), faults=faults)


def everybody(data: Dataset | Data) -> tuple[Dataset, list[Fault]]:
    """A dataset, also with the people whom the reader would leave out for lack of keypoints, and what is wrong with its file."""
    if isinstance(data, Dataset):
        return data, []
    if not isinstance(data, Coco):
        return survey(data)
    dataset, faults = survey_coco(data.model_copy(update={"minimum_keypoints": 0}))
    return dataset, [*faults, *outline_faults(data)]


def look(path: Path) -> tuple[int, int] | ImageError:
    """(height, width) of a picture that was decoded whole, or why it cannot be."""
    try:
        height, width = load_image(path).shape[:2]
    except ImageError as problem:
        return problem
    return height, width


def _image_faults(pictures: Mapping[Path, tuple[int, int] | ImageError]) -> list[Fault]:
    wrong = ((path, seen) for path, seen in pictures.items() if isinstance(seen, ImageError))
    return [
        Fault(rule="unreadable-image" if path.exists() else "missing-image", where=str(path), detail=error.message, remedy=error.remedy)
        for path, error in wrong
    ]


@dataclass(frozen=True, kw_only=True)
class People:
    """What the rules look at."""

    skeleton: Skeleton
    people: Sequence[Annotation]
    sizes: Mapping[Path, tuple[int, int]]
    """(height, width) of the pictures that can be read."""


Found = Iterator[tuple[int, str]]
"""The person's place, and what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that can be wrong with a person."""

    name: str
    severity: Severity
    find: Callable[[People], Found]
    remedy: str


def _found(rules: Iterable[Rule], people: People) -> list[Fault]:
    def where(person: Annotation) -> str:
        return f"person {person.person_id} of image {person.image_id}"

    return [
        Fault(rule=rule.name, where=where(people.people[i]), detail=detail, remedy=rule.remedy, severity=rule.severity)
        for rule in rules
        for i, detail in rule.find(people)
    ]


def _shapes(p: People) -> Found:
    count = len(p.skeleton)
    for i, person in enumerate(p.people):
        if (person.keypoints.shape, person.labelled.shape, person.occluded.shape, person.box.shape) != ((count, 2), (count,), (count,), (4,)):
            yield i, f"has {len(person.keypoints)} keypoints, the skeleton {count}"


def _finite(p: People) -> Found:
    for i, person in enumerate(p.people):
        if not (np.isfinite(person.keypoints).all() and np.isfinite([*person.box.ravel(), person.area]).all()):
            yield i, "has a coordinate that is not a finite number"


def _no_keypoints(p: People) -> Found:
    return ((i, "no keypoint is labelled") for i, person in enumerate(p.people) if not person.labelled.any())


def _degenerate_box(p: People) -> Found:
    for i, person in enumerate(p.people):
        if (person.box[2:] - person.box[:2]).min() < 1 or person.area <= 0:
            yield i, f"box {person.box.round(1).tolist()}, area {person.area:.1f}"


def _box_outside(p: People) -> Found:
    for i, person in enumerate(p.people):
        height, width = p.sizes.get(person.image, (np.inf, np.inf))
        if min(person.box[:2]) < -1 or person.box[2] > width + 1 or person.box[3] > height + 1:
            yield i, f"box {person.box.round(1).tolist()} in a picture of {width} x {height}"


def _keypoints_outside(p: People) -> Found:
    for i, person in enumerate(p.people):
        outside = person.labelled & ~inside(person.keypoints, p.sizes.get(person.image, (1 << 40, 1 << 40)))
        if outside.any():
            yield i, ", ".join(p.skeleton.keypoints[k] for k in np.flatnonzero(outside))


def _keypoints_at_origin(p: People) -> Found:
    for i, person in enumerate(p.people):
        corner = person.labelled & (person.keypoints == 0).all(1)
        if corner.any():
            yield i, ", ".join(p.skeleton.keypoints[k] for k in np.flatnonzero(corner))


def _area_beyond_box(p: People) -> Found:
    for i, person in enumerate(p.people):
        box = float((person.box[2:] - person.box[:2]).prod())
        if person.area > 1.1 * box + 1:
            yield i, f"area {person.area:.0f}, box {box:.0f}"


def labelled_twice(p: People) -> Found:
    """Whoever labels the same person as somebody before."""
    by_image: dict[Path, list[int]] = defaultdict(list)
    for i, person in enumerate(p.people):
        if not person.crowd and person.labelled.sum() >= 3:
            by_image[person.image].append(i)
    for one, other in (pair for group in by_image.values() for pair in combinations(group, 2)):
        if _same(p.people[one], p.people[other]):
            yield other, f"labels the same person as {p.people[one].person_id}"


def _same(one: Annotation, other: Annotation) -> bool:
    common = one.labelled & other.labelled
    if common.sum() < 3:
        return False
    apart = np.linalg.norm(one.keypoints[common] - other.keypoints[common], axis=1).mean()
    return bool(apart <= SAME_PERSON * (one.box[2:] - one.box[:2]).max())


def _contradiction(p: People) -> Found:
    ends = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    if not set(ends) <= set(p.skeleton.keypoints):
        return
    places = [p.skeleton.index(end) for end in ends]
    for i, person in enumerate(p.people):
        if person.labelled[places].all() and _twisted(person.keypoints[places]):
            yield i, "shoulders and hips face opposite ways"


def _twisted(ends: Float[np.ndarray, "4 2"]) -> bool:
    """Whether left and right change places between shoulders and hips, seen across the trunk."""
    trunk = ends[2:].mean(0) - ends[:2].mean(0)
    across = (ends[[0, 2]] - ends[[1, 3]]) @ [-trunk[1], trunk[0]]
    return bool(across.prod() < 0 and np.abs(across).min() > TWISTED * (trunk @ trunk))


def _no_reference_length(p: People) -> Found:
    lengths = {"torso": p.skeleton.torso, "head": p.skeleton.head}
    for i, person in enumerate(p.people):
        lacking = [name for name, ends in lengths.items() if ends is not None and getattr(person, name) is None]
        if lacking and person.labelled.any():
            yield i, f"no {' and no '.join(lacking)} length"


PREMISES = (
    Rule(name="keypoint-shape", severity="error", find=_shapes, remedy="Give every person the keypoints of the skeleton"),
    Rule(name="not-finite", severity="error", find=_finite, remedy="Mark the keypoint as not labelled"),
)
"""Who breaks these is not looked at further."""

RULES = (
    Rule(name="degenerate-box", severity="error", find=_degenerate_box, remedy="Give a box of at least a pixel, or none"),
    Rule(name="same-person-twice", severity="warning", find=labelled_twice, remedy="Remove one of the two annotations"),
    Rule(
        name="box-outside", severity="warning", find=_box_outside, remedy="Was the picture resized or turned after labelling? Cut the box at its edge"
    ),
    Rule(name="keypoint-outside", severity="warning", find=_keypoints_outside, remedy="Mark keypoints outside the picture as not labelled"),
    Rule(name="keypoint-at-origin", severity="warning", find=_keypoints_at_origin, remedy="Mark missing keypoints as not labelled, not as (0, 0)"),
    Rule(name="area-beyond-box", severity="warning", find=_area_beyond_box, remedy="Area is square pixels of the person, within the box"),
    Rule(name="left-right", severity="warning", find=_contradiction, remedy="Look at them: left is the person's own left"),
    Rule(name="no-keypoints", severity="note", find=_no_keypoints, remedy="Training and PCK leave them out"),
    Rule(name="no-reference-length", severity="note", find=_no_reference_length, remedy="PCK leaves them out where it divides by that length"),
)
