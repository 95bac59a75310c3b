"""Making evaluations fit each other: the same people, the same columns, the same labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from glasspose.comparing.subjects import Subject
from glasspose.errors import UsageError
from glasspose.metrics import Kept, PerPerson


@dataclass(frozen=True, kw_only=True, eq=False)
class Paired:
    """S subjects on the same N people."""

    image_ids: Int[np.ndarray, " N"]
    scores: Mapping[str, Sequence[PerPerson]]
    """By name, for each subject; all with the same columns and the same `counted`."""
    lines: Sequence[str]
    """What was left out to make them fit."""


def pair(subjects: Sequence[Subject]) -> Paired:
    """Everything that all subjects have. UsageError where the data differ, or the labels of the same people do."""
    first, *others = subjects
    for other in others:
        if other.data != first.data:
            keys = sorted(k for k in {*first.data, *other.data} if first.data.get(k) != other.data.get(k))
            differ = ", ".join(f"{k} {first.data.get(k)!r} and {other.data.get(k)!r}" for k in keys)
            raise UsageError(f"{first.name} and {other.name} were measured on different data: {differ}", "Measure both on the same split")
    people = [_people(subject.kept) for subject in subjects]
    common = [person for person in people[0] if all(person in places for places in people)]
    if not common:
        raise UsageError("the evaluations have nobody in common", "Measure all of them on the same split")
    lines = []
    if any(len(places) > len(common) for places in people):
        lines.append(f"{len(common)} people are in all evaluations, of {', '.join(str(len(places)) for places in people)}: the others are left out")
    rows = [np.array([places[person] for person in common]) for places in people]
    names = [name for name in first.kept.scores if all(name in subject.kept.scores for subject in others)]
    scores = {name: _same([s.kept.scores[name] for s in subjects], rows, name, lines) for name in names}
    if not scores:
        raise UsageError("the evaluations have no score in common", "Measure all of them with the same --protocols")
    unique = list(dict.fromkeys(lines))
    return Paired(image_ids=np.array([image for image, _ in common]), scores=scores, lines=unique)


def _people(kept: Kept) -> dict[tuple[int, int], int]:
    """Where each person stands."""
    keys = zip(kept.image_ids.tolist(), kept.person_ids.tolist(), strict=True)
    return {key: place for place, key in enumerate(keys)}


def _same(tables: Sequence[PerPerson], rows: Sequence[Int[np.ndarray, " n"]], name: str, lines: list[str]) -> list[PerPerson]:
    columns = [column for column in tables[0].columns if all(column in table.columns for table in tables)]
    if not columns:
        raise UsageError(f"the evaluations share no keypoint in {name}", "Compare networks whose skeletons have names in common")
    if any(len(table.columns) > len(columns) for table in tables):
        lines.append(f"{len(columns)} keypoints are in all evaluations: the others are left out")
    chosen = [table.of(own, columns) for table, own in zip(tables, rows, strict=True)]
    if any((table.counted != chosen[0].counted).any() or (table.average, table.hits) != (chosen[0].average, chosen[0].hits) for table in chosen[1:]):
        raise UsageError(f"the evaluations count different keypoints of the same people in {name}", "Measure all of them on the same labels")
    return chosen
