"""What is wrong with single entries of a label file: its reader refuses the file for the first of them, `data check` lists and counts them all."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from glasspose.errors import AnnotationError

Severity = Literal["error", "warning", "note"]
"""An error cannot be used, a warning is probably wrong, a note is good to know."""
LARGEST = 1e6
"""No joint lies so many pixels away: what is larger is a damaged number."""
MISSING_SCALES = (0.0, -1.0, -1.25)
"""What releases write for a scale that is not known: nothing, minus one, and minus one after the 1.25 of the hourglass release."""
REMEDIES: Mapping[str, str] = {
    "annotation-entry": "Fetch the file again, or take the entry out",
    "annotation-id": "Number the people, each differently",
    "keypoints": "Give every keypoint finite pixels and a flag of 0 or 1",
    "picture-name": "Write it relative to the image folder",
    "place": "Give the place of the person in pixels",
    "scale": "Give the height in 200 pixels, 0 where it is not known",
    "head-length": "Give pixels, 0 where it is not known",
    "picture-facts": "Give numbers",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What one rule found in one place of a dataset."""

    rule: str
    where: str
    detail: str
    remedy: str
    severity: Severity = "error"


def refuse(path: Path, faults: Sequence[Fault]) -> None:
    """AnnotationError with the first error, where there is one."""
    errors = [fault for fault in faults if fault.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more: `glasspose data check` lists them)" if len(errors) > 1 else ""
        raise AnnotationError(f"{path}: {errors[0].where}: {errors[0].detail}{more}", errors[0].remedy)


class Survey:
    """The entries of a file, told by name, and what is wrong with each. `sound` are those without an error."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.sound: Bool[np.ndarray, " n"] = np.ones(len(names), bool)
        self.faults: list[Fault] = []

    def error(self, wrong: Sequence[bool] | Bool[np.ndarray, " n"], rule: str, detail: str) -> None:
        """The same error in every entry of a mask."""
        places = np.flatnonzero(wrong).tolist()
        self.faults += [Fault(rule=rule, where=self.names[i], detail=detail, remedy=REMEDIES[rule]) for i in places]
        self.sound[places] = False

    def numbers(self, values: Sequence[Any], rule: str, field: str, shape: tuple[int, ...] = ()) -> Float[np.ndarray, "n ..."]:
        """One field of every entry, zeros where it is not made of so many finite numbers; texts and truth values are none."""
        fits = np.array([are_pixels(value, shape) for value in values], bool)
        kind = "a number" if not shape else f"{' x '.join(map(str, shape))} numbers"
        self.error(~fits, rule, f"`{field}` is not {kind}")
        zeros = np.zeros(shape)
        return np.array([value if fit else zeros for value, fit in zip(values, fits, strict=True)], np.float64).reshape(len(values), *shape)

    def finite(self, values: Float[np.ndarray, "n ..."], rule: str, field: str) -> Float[np.ndarray, "n ..."]:
        """The same of an array of numbers, whose rows stand for the entries."""
        fits = (np.abs(values) < LARGEST).reshape(len(values), -1).all(1)
        self.error(~fits, rule, f"`{field}` has a number that is no pixel")
        return np.where(fits.reshape(-1, *[1] * (values.ndim - 1)), values, 0.0)

    def flags(self, values: Float[np.ndarray, "n K"], field: str) -> None:
        """Every keypoint has 0 or 1."""
        self.error(self.sound & ~np.isin(values, (0, 1)).all(1), "keypoints", f"`{field}` has a flag that is not 0 or 1")

    def scales(self, values: Float[np.ndarray, " n"], field: str) -> None:
        """Heights are positive, or missing."""
        self.error(self.sound & (values < 0) & ~np.isin(values, MISSING_SCALES), "scale", f"`{field}` is negative")

    def different(self, keys: Sequence[Hashable]) -> None:
        """No two entries have the same number."""
        first: dict[Hashable, int] = {}
        again = np.array([self.sound[i] and first.setdefault(key, i) != i for i, key in enumerate(keys)], bool)
        self.error(again, "annotation-id", "another person has the same number")


def are_pixels(value: Any, shape: tuple[int, ...]) -> bool:
    """Whether something out of a JSON file is made of so many finite numbers of a pixel's size."""
    if not shape:
        return are_pixels([value], (1,))
    if type(value) is not list or len(value) != shape[0]:
        return False
    if len(shape) > 1:
        return all(are_pixels(part, shape[1:]) for part in value)
    numbers = set(map(type, value)) <= {int, float}
    return numbers and -LARGEST < min(value) <= max(value) < LARGEST and math.isfinite(sum(value))  # only the sum shows a NaN to be there
