"""What an evaluation keeps of every person, so that another can be compared with it on the same people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from glasspose.errors import InputError
from glasspose.metrics.averages import AVERAGES, Average, Mask
from glasspose.metrics.scores import Values

MOST = 1_000_000
"""People in one file."""
SIGNS = {False: "0", True: "1"}
NOT_COUNTED = "-"


@dataclass(frozen=True, kw_only=True, eq=False)
class PerPerson:
    """One score, for each of N people and C columns (keypoints, or limbs)."""

    columns: tuple[str, ...]
    average: Average
    values: Float[np.ndarray, "N C"]
    counted: Bool[np.ndarray, "N C"]
    hits: bool = True
    """Every value is 0 or 1, so that the mean is a share."""

    def of(self, people: Int[np.ndarray, " n"], columns: Sequence[str]) -> "PerPerson":
        """Some of the people and columns, in the order given."""
        places = [self.columns.index(column) for column in columns]
        chosen = (people[:, None], np.array(places)[None])
        return PerPerson(columns=tuple(columns), average=self.average, values=self.values[chosen], counted=self.counted[chosen], hits=self.hits)

    def to_json(self) -> dict[str, Any]:
        """Plain data: hits as one sign a column (1 right, 0 wrong, - not counted), other values rounded to 0.01 with null for not counted."""
        plain: dict[str, Any] = {"average": self.average, "columns": list(self.columns)}
        if self.hits:
            signs = np.where(self.counted, np.where(self.values > 0.5, SIGNS[True], SIGNS[False]), NOT_COUNTED)
            return plain | {"hits": ["".join(row) for row in signs.tolist()]}
        rounded = np.round(self.values, 2).tolist()
        rows = zip(rounded, self.counted.tolist(), strict=True)
        return plain | {"values": [[v if c else None for v, c in zip(row, known, strict=True)] for row, known in rows]}


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """N people with some scores each."""

    image_ids: Int[np.ndarray, " N"]
    person_ids: Int[np.ndarray, " N"]
    scores: Mapping[str, PerPerson]

    def to_json(self) -> dict[str, Any]:
        """Plain data; `kept_from_json` reads it back."""
        ids = {"image_ids": self.image_ids.tolist(), "person_ids": self.person_ids.tolist()}
        return ids | {"scores": {name: score.to_json() for name, score in self.scores.items()}}


def per_person(values: Values, counted: Mask, columns: Sequence[str], average: Average, *, hits: bool = True) -> PerPerson:
    """One score as it is to be kept."""
    known = np.where(counted, values, 0.0).astype(np.float64)
    return PerPerson(columns=tuple(columns), average=average, values=known, counted=counted, hits=hits)


def kept_from_json(data: Any, name: str) -> Kept:
    """Read `Kept.to_json` back. InputError naming the file where anything does not fit."""
    try:
        image_ids, person_ids = (np.array(_ids(data[key])) for key in ("image_ids", "person_ids"))
        if len(image_ids) != len(person_ids) or not 0 < len(image_ids) <= MOST:
            raise ValueError(f"{len(image_ids)} images for {len(person_ids)} people")
        if len(set(zip(image_ids.tolist(), person_ids.tolist(), strict=True))) != len(image_ids):
            raise ValueError("a person stands there twice")
        scores = {str(key): _score(value, len(image_ids)) for key, value in data["scores"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as problem:
        what = f"{type(problem).__name__} at {str(problem)[:80]}"
        raise InputError(f"{name}: the people of this evaluation cannot be read: {what}", "Write it again with `glasspose evaluate`") from None
    return Kept(image_ids=image_ids, person_ids=person_ids, scores=scores)


def _ids(values: Any) -> list[int]:
    if not isinstance(values, list) or not all(isinstance(v, int) and abs(v) < 2**62 for v in values):
        raise ValueError("numbers of pictures or people")
    return values


def _score(data: Any, people: int) -> PerPerson:
    columns, average = tuple(str(column) for column in data["columns"]), data["average"]
    if average not in AVERAGES or not columns or len(set(columns)) != len(columns):
        raise ValueError("average or columns")
    hits = "hits" in data
    rows = [_signs(row) for row in data["hits"]] if hits else data["values"]
    values = np.array([[np.nan if v is None else v for v in row] for row in rows], np.float64)
    if values.shape != (people, len(columns)) or np.isinf(values).any():
        raise ValueError(f"a table of {values.shape}")
    counted = ~np.isnan(values)
    return PerPerson(columns=columns, average=average, values=np.where(counted, values, 0.0), counted=counted, hits=hits)


def _signs(row: str) -> list[float | None]:
    return [{"1": 1.0, "0": 0.0, NOT_COUNTED: None}[sign] for sign in row]
