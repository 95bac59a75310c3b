"""What can be compared: evaluations that kept their people, training runs, and weights."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glasspose.configs.data import Data
from glasspose.configs.reading import read_recipe
from glasspose.configs.training import Recipe, validation_data
from glasspose.errors import InputError, UsageError
from glasspose.metrics import Kept, kept_from_json

LARGEST = 256 * 2**20
"""Bytes of an evaluation."""
LARGEST_LOG = 16 * 2**20
"""Bytes of a log."""
Evaluate = Callable[[str | Path, Data], dict[str, Any]]
Log = Sequence[Mapping[str, float]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """One network's answers to one dataset."""

    name: str
    data: Mapping[str, Any]
    """The dataset without its place on the disk."""
    kept: Kept
    recipe: Recipe | None = None
    """Of a training run."""
    log: Log = field(default=())
    """Of a training run: one row an epoch."""


def read_subject(place: str, data: Data | None, evaluate: Evaluate) -> Subject:
    """An evaluation (.json), the folder of a training run, or weights. The latter two are measured by `evaluate`: on `data`, or a run on the
    validation split of its recipe. InputError or UsageError where it is none of them.
    """
    path = Path(place)
    if path.is_dir():
        return _read_run(path, data, evaluate)
    if path.suffix == ".json" and path.is_file():
        return _read_evaluation(_read_json(path), path.stem, path)
    if data is None:
        raise UsageError(f"{place} is no evaluation (.json) and no folder of a run", "To compare weights, name a dataset with --data.kind")
    return _read_evaluation(evaluate(place, data), path.stem, path)


def _read_run(folder: Path, data: Data | None, evaluate: Evaluate) -> Subject:
    if not (folder / "recipe.yaml").is_file() or not (folder / "best.safetensors").is_file():
        raise InputError(f"{folder} holds no finished run", "A run has recipe.yaml and best.safetensors")
    recipe = read_recipe(folder / "recipe.yaml")
    report = evaluate(folder / "best.safetensors", data or validation_data(recipe))
    told = _read_evaluation(report, folder.resolve().name, folder)
    return Subject(name=told.name, data=told.data, kept=told.kept, recipe=recipe, log=read_log(folder / "log.csv"))


def _read_evaluation(report: Any, name: str, path: Path) -> Subject:
    if not isinstance(report, dict) or report.get("format") != "glasspose.evaluation" or not isinstance(report.get("data"), dict):
        raise InputError(f"{path} is no evaluation", "Write one with `glasspose evaluate … --keep --json FILE`")
    if report.get("people") is None:
        raise InputError(f"{path} kept nobody, so that nothing can be paired", "Write it again with `glasspose evaluate … --keep --json FILE`")
    return Subject(name=name, data=report["data"], kept=kept_from_json(report["people"], str(path)))


def _read_json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise InputError(f"{path} is too large for an evaluation", f"At most {LARGEST // 2**20} MiB are read")
        return json.loads(content)
    except (ValueError, RecursionError) as problem:
        raise InputError(f"{path} is not JSON: {str(problem)[:80]}", "Write it again with `glasspose evaluate`") from None


def read_log(path: Path) -> list[dict[str, float]]:
    """The rows of a run's log.csv; none where there is no such file. InputError where it holds anything but numbers."""
    if not path.is_file():
        return []
    with path.open("rb") as file:
        content = file.read(LARGEST_LOG)
    try:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(io.StringIO(content.decode()), strict=True)]
    except (ValueError, TypeError, AttributeError, csv.Error) as problem:
        raise InputError(f"{path} is not the log of a run: {str(problem)[:80]}", "Leave it out, or train again") from None
    if any("epoch" not in row or not math.isfinite(row["epoch"]) for row in rows):
        raise InputError(f"{path} has rows without an epoch", "Leave it out, or train again")
    return rows
