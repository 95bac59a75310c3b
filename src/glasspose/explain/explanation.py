"""What every explanation gives back: an answer with its numbers, the pictures behind it, and the verdict of its own faithfulness test."""

import csv
import io
import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from glasspose.errors import UsageError
from glasspose.files import write_atomically


class Verdict(StrEnum):
    """What the test of an explanation found."""

    FAITHFUL = "FAITHFUL"
    LOCAL_ONLY = "LOCAL ONLY"
    """It ties a blob at the keypoint and beats chance: local evidence suffices, and more is not shown."""
    NOT_FAITHFUL = "NOT FAITHFUL"


class NotApplicableError(UsageError):
    """The question makes no sense for this network or these people: one without skips has no skip to remove."""

    code = "not-applicable"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One part of a faithfulness test. `passed = None`: it could not be run here, and `reason` says why."""

    name: str
    passed: bool | None
    value: float | None = None
    bound: str = ""
    """What the value is held to, such as "at most 0.02"."""
    reason: str = ""
    only_local: bool = False
    """Failing this one means LOCAL ONLY, no more."""

    def line(self) -> str:
        """To be read by a person."""
        word = {True: "passed", False: "FAILED", None: "not run"}[self.passed]
        value = "" if self.value is None else f" {self.value:.4g}"
        bound = f" ({self.bound})" if self.bound else ""
        return f"{word}: {self.name}{value}{bound}{': ' + self.reason if self.reason else ''}"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a number can be traced back to."""

    model: str
    model_sha256: str
    data: str
    data_sha256: str
    n: int
    seed: int
    asked: Mapping[str, Any] = field(default_factory=dict)
    """The scalar explained, fills, baselines, thresholds: whatever changes the answer."""
    versions: Mapping[str, str] = field(default_factory=lambda: _versions())


@dataclass(frozen=True, kw_only=True, eq=False)
class Figure:
    """A picture that carries its own caption, as PNG."""

    name: str
    """A file name without suffix: letters, digits and hyphens."""
    caption: str
    """What is to be seen in it, with n."""
    png: bytes


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows for people and for a CSV file."""

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int | None]]

    def to_csv(self) -> bytes:
        """The same as CSV."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self.rows])
        return text.getvalue().encode()


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """The answer to one question about a network."""

    name: str
    """The command: `why`, `skips` and so on."""
    question: str
    answer: str
    """One or two sentences; the first answers the question with the number and its interval."""
    checks: Sequence[Check]
    numbers: Mapping[str, Any]
    """Plain data: fractions from 0 to 1, lengths in the unit that the key names, intervals as [low, high]."""
    provenance: Provenance
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What else there is to look at, such as a moving picture: the end of a file's name and its content."""
    limits: Sequence[str] = ()
    """What it does not show."""

    @property
    def verdict(self) -> Verdict:
        """FAITHFUL only where every check that could be run has passed, and at least one was."""
        failed = [check for check in self.checks if check.passed is False]
        if any(not check.only_local for check in failed) or not any(check.passed is not None for check in self.checks):
            return Verdict.NOT_FAITHFUL
        return Verdict.LOCAL_ONLY if failed else Verdict.FAITHFUL

    @property
    def reasons(self) -> list[str]:
        """Why the verdict is not FAITHFUL."""
        return [check.line() for check in self.checks if check.passed is False] or ([] if self.checks else ["nothing was tested"])

    def to_json(self) -> dict[str, Any]:
        """Plain data: the same bits for the same seed, model, data and number of threads."""
        return {
            "format": "glasspose.explanation",
            "version": 1,
            "name": self.name,
            "question": self.question,
            "answer": self.answer,
            "verdict": str(self.verdict),
            "checks": [asdict(check) for check in self.checks],
            "numbers": plain(self.numbers),
            "limits": list(self.limits),
            "provenance": plain(asdict(self.provenance)),
        }

    def save(self, folder: Path) -> None:
        """Write NAME.json, every figure as PNG, every table as CSV, and the other files."""
        for figure in self.figures:
            write_atomically(folder / f"{self.name}-{figure.name}.png", figure.png)
        for table in self.tables:
            write_atomically(folder / f"{self.name}-{table.name}.csv", table.to_csv())
        for ending, content in self.files.items():
            write_atomically(folder / f"{self.name}-{ending}", content)
        write_atomically(folder / f"{self.name}.json", (json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n").encode())


def plain(value: Any) -> Any:
    """Numbers of numpy and mappings as JSON has them; what is not finite becomes None; six significant digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.6g}") if math.isfinite(value) else None
    return value if value is None or isinstance(value, str) else str(value)


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in ("glasspose", "torch", "numpy")}}
