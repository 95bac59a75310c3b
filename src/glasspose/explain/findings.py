"""What the other questions have found, as far as `improve` builds on it: asked now, or read from the files that they wrote.

The files are untrusted: what is missing or of another kind in them is an InputError.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from glasspose.configs.data import Data
from glasspose.data.lists import Listed
from glasspose.errors import GlassposeError, InputError
from glasspose.explain.explanation import Explanation, Verdict

SHARES: Mapping[str, float] = {"errors": 1.0, "latent": 1.0, "labels": 2.0, "trust": 2.0, "stress": 0.25}
"""The questions, and how many times n people each looks at."""
LARGEST = 64 * 2**20
"""Bytes of a file."""
Bounds = tuple[float, float] | None
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, populate_by_name=True)


class SliceFound(_Part):
    """A condition of `errors`."""

    condition: str
    people: Count
    error: float
    elsewhere: float
    p: float
    of: dict[str, str]
    gain: float
    gain_interval: Bounds


class ErrorsFound(_Part):
    """Numbers of `errors`."""

    slices: tuple[SliceFound, ...]
    size_cuts: tuple[float, float] = Field(alias="size cuts")


class GroupFound(_Part):
    """A group of `latent`."""

    group: Count
    people: Count
    pck: float | None = Field(alias="pck@0.2")
    p: float
    gain: float
    gain_interval: Bounds


class LatentFound(_Part):
    """Numbers of `latent`."""

    groups: tuple[GroupFound, ...]


class PlantedFound(_Part):
    """How well `labels` finds planted errors."""

    share: float
    precision: float = Field(alias="precision@k")
    precision_interval: Bounds = Field(alias="precision@k_interval")


class SuspectedFound(_Part):
    """The labels that are as suspicious as half of the planted errors."""

    count: Count
    count_if_none_is_wrong: float | None = None
    """At most as many would be, by the network's own mistakes."""
    lost: float
    lost_interval: Bounds


class LabelsFound(_Part):
    """Numbers of `labels`."""

    planted: PlantedFound | dict[str, None]
    suspected: SuspectedFound | None


class CalibrationFound(_Part):
    """The calibration error of `trust`."""

    before: float
    after: float
    fall: float
    fall_interval: Bounds


class TrustFound(_Part):
    """Numbers of `trust`."""

    error: CalibrationFound = Field(alias="calibration error")
    null: float


class EffectFound(_Part):
    """A cue of `stress` at one dose."""

    cue: str
    dose: float
    unit: str
    lost: float | None = Field(alias="lost_pck@0.2")
    lost_interval: Bounds = Field(alias="lost_pck@0.2_interval")


class StressFound(_Part):
    """Numbers of `stress`."""

    effects: tuple[EffectFound, ...]


NUMBERS: Mapping[str, type[_Part]] = {
    "errors": ErrorsFound,
    "latent": LatentFound,
    "labels": LabelsFound,
    "trust": TrustFound,
    "stress": StressFound,
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """One answer."""

    name: str
    numbers: Any
    """One of `NUMBERS`."""
    verdict: Verdict
    reasons: tuple[str, ...]
    """Why it is not faithful."""
    data: str
    n: int
    model_sha256: str
    people: Sequence[Listed] = field(default=())
    """Of `labels`: the suspects, the first first. Of `latent`: everybody, each with the number of the group as weight."""


def asked(
    weights: Any, data: Data, n: int, seed: int, progress: Callable[[int, int], None], questions: Sequence[str] = tuple(SHARES)
) -> tuple[dict[str, Found], list[tuple[str, str]]]:
    """Ask them now. Those that do not apply come back with the reason."""
    made, missing = {}, []
    for i, name in enumerate(questions):
        ask: Callable[..., Explanation] = getattr(import_module("glasspose.explain"), name)

        def shown(done: int, total: int, i: int = i) -> None:
            progress(100 * i + 100 * done // max(total, 1), 100 * len(questions))

        try:
            made[name] = found_of(ask(weights, data, n=max(round(SHARES[name] * n), 1), seed=seed, progress=shown))
        except GlassposeError as problem:
            missing.append((name, str(problem)))
    return made, missing


def found_of(explanation: Explanation) -> Found:
    """Of an explanation at hand."""
    people = {table.name: table.to_csv() for table in explanation.tables}.get(TABLES.get(explanation.name, ""))
    return _found(explanation.to_json(), people, explanation.name)


def read_findings(folder: Path, sha256: str) -> dict[str, Found]:
    """Those whose files lie in a folder. InputError where there are none, or one is malformed or of other weights."""
    found = {}
    for name in SHARES:
        path = folder / f"{name}.json"
        if not path.is_file():
            continue
        table = folder / f"{name}-{TABLES[name]}.csv" if name in TABLES else None
        try:
            content = json.loads(_bytes(path))
        except (ValueError, RecursionError) as problem:
            raise InputError(f"{path} is not JSON ({type(problem).__name__})", f"Run `glasspose explain {name}` again") from None
        found[name] = _found(content, _bytes(table) if table is not None and table.is_file() else None, str(path))
        if name != "labels" and found[name].model_sha256 != sha256:
            raise InputError(f"{path} is about other weights", f"Run `glasspose explain {name}` on these, or leave the file out")
    if not found:
        raise InputError(f"{folder} holds no answers", f"Give the --out folder of `glasspose explain` {', '.join(SHARES)} or report")
    return found


TABLES = {"labels": "suspects", "latent": "people"}
"""Questions whose people are in a table."""


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise InputError(f"{path} is larger than {LARGEST // 2**20} MiB", "Is it what `glasspose explain` has written?")
    return content


def _found(content: Any, table: bytes | None, where: str) -> Found:
    """From the JSON of an explanation."""
    try:
        if content["format"] != "glasspose.explanation" or content["version"] != 1:
            raise ValueError("format")
        name, provenance = content["name"], content["provenance"]
        return Found(
            name=name,
            numbers=NUMBERS[name].model_validate(content["numbers"]),
            verdict=Verdict(content["verdict"]),
            reasons=tuple(str(check["name"]) for check in content["checks"] if check["passed"] is False),
            data=str(provenance["data"]),
            n=int(provenance["n"]),
            model_sha256=str(provenance["model_sha256"]),
            people=() if table is None else _people(table),
        )
    except (KeyError, TypeError, ValueError, ValidationError, csv.Error) as problem:
        told = problem.errors()[0]["loc"] if isinstance(problem, ValidationError) else problem
        raise InputError(f"{where} is no answer that can be built on ({type(problem).__name__} at {told})", "Ask that question again") from None


def _people(table: bytes) -> list[Listed]:
    """The rows of a table with the columns image and person; what follows is a reason, or a group."""
    rows = csv.DictReader(io.StringIO(table.decode()), strict=True)
    return [
        Listed(image=int(row["image"]), person=int(row["person"]), weight=float(row.get("group") or 1), reason=str(row.get("reason") or ""))
        for row in rows
    ]
