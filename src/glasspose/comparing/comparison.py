"""The table: every score with its interval, the difference to the first row, and whether that is more than chance.

Intervals resample images with all their people, the same images for all rows. Where a recipe was run with several seeds, they resample seeds
as well; of one seed all that can be said is about this checkpoint.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from glasspose.comparing.pairing import Paired, pair
from glasspose.comparing.subjects import Log, Subject, read_subject
from glasspose.configs.data import Data
from glasspose.errors import UsageError
from glasspose.evaluation import evaluate
from glasspose.metrics import PerPerson, bootstrap, fold, interval_of, score
from glasspose.metrics.averages import POOLED
from glasspose.metrics.scores import Interval
from glasspose.metrics.significance import holm, sign_flip_p, welch_p

FLIPS = 2000
ONE_SEED = "this checkpoint only"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One score of one row."""

    value: float | None
    interval: Interval | None
    difference: float | None = None
    """To the first row."""
    difference_interval: Interval | None = None
    p: float | None = None
    """Two-sided, of the difference; adjusted for the number of rows (Holm)."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network, or one recipe with several seeds."""

    name: str
    members: tuple[str, ...]
    """One name a seed."""
    cells: Mapping[str, Cell]

    @property
    def seeds(self) -> int:
        """How many."""
        return len(self.members)

    @property
    def note(self) -> str:
        """How far the row's numbers reach."""
        return f"{self.seeds} seeds" if self.seeds > 1 else ONE_SEED


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """What `compare` found."""

    data: Mapping[str, Any]
    n: int
    """People."""
    images: int
    units: Mapping[str, str]
    """Of each score: "%" (fractions here, per cent where they are printed) or "px"."""
    rows: Sequence[Row]
    lines: Sequence[str]
    """What was left out to make the evaluations fit."""
    logs: Mapping[str, Log]
    """The rows of log.csv of every run."""


def compare(
    runs: Sequence[str | Path],
    data: Data | None = None,
    *,
    protocols: Sequence[str] = (),
    flip_test: bool = True,
    batch: int = 16,
    device: str = "auto",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Compare evaluations (.json, written with `keep`), folders of training runs, or weights, on the same people.

    Runs and weights are measured now: weights on `data`, runs on `data` or on the validation split of their recipe. Runs whose recipes differ
    in nothing but the seed form one row. UsageError where the data differ.
    """
    if not runs:
        raise UsageError("there is nothing to compare", "Name evaluations, runs or weights")
    measured = partial(evaluate, protocols=protocols, keep=True, flip_test=flip_test, batch=batch, device=device, progress=progress)
    subjects = _named([read_subject(str(run), data, measured) for run in runs])
    return comparison(subjects)


def comparison(subjects: Sequence[Subject]) -> Comparison:
    """The same of subjects that have been read."""
    paired = pair(subjects)
    groups = _groups(subjects)
    names = [_group_name([subjects[i] for i in group]) for group in groups]
    cells = {name: _cells(tables, groups, paired) for name, tables in paired.scores.items()}
    return Comparison(
        data=subjects[0].data,
        n=len(paired.image_ids),
        images=len(set(paired.image_ids.tolist())),
        units={name: "%" if tables[0].hits else "px" for name, tables in paired.scores.items()},
        rows=[
            Row(name=name, members=tuple(subjects[k].name for k in group), cells={score: cells[score][i] for score in cells})
            for i, (name, group) in enumerate(zip(names, groups, strict=True))
        ],
        lines=paired.lines,
        logs={subject.name: subject.log for subject in subjects if subject.log},
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sampled:
    """One score of the S seeds of a row."""

    values: Float[np.ndarray, " S"]
    draws: Float[np.ndarray, "S R"] | None
    """On R resamples of the images."""
    shares: Float[np.ndarray, " I"]
    """What each image adds to the mean over seeds."""

    def resampled(self, stream: int) -> Float[np.ndarray, " R"] | None:
        """The mean over seeds, on resamples of seeds and images."""
        if self.draws is None or len(self.draws) == 1:
            return None if self.draws is None else self.draws[0]
        seeds, count = self.draws.shape
        chosen = np.random.default_rng((1, stream)).integers(seeds, size=(seeds, count))
        drawn: np.ndarray = np.take_along_axis(self.draws, chosen, axis=0).mean(0)
        return drawn


def _cells(tables: Sequence[PerPerson], groups: Sequence[Sequence[int]], paired: Paired) -> list[Cell]:
    if not tables[0].counted.any():
        return [Cell(value=None, interval=None) for _ in groups]
    rows = [_sampled([tables[i] for i in group], paired) for group in groups]
    draws = [row.resampled(stream) for stream, row in enumerate(rows)]
    adjusted = holm(np.array([_p(rows[0], row) for row in rows[1:]]))
    cells = [Cell(value=float(rows[0].values.mean()), interval=None if draws[0] is None else interval_of(draws[0]))]
    for row, drawn, p in zip(rows[1:], draws[1:], adjusted, strict=True):
        apart = None if drawn is None or draws[0] is None else interval_of(drawn - draws[0])
        value = float(row.values.mean())
        difference = value - float(rows[0].values.mean())
        within = None if drawn is None else interval_of(drawn)
        cells.append(Cell(value=value, interval=within, difference=difference, difference_interval=apart, p=float(p)))
    return cells


def _sampled(tables: Sequence[PerPerson], paired: Paired) -> _Sampled:
    folded = [fold(table.values, table.counted, table.columns, table.average) for table in tables]
    pooled = tables[0].average in POOLED
    values, draws, shares = [], [], []
    for own, mask in folded:
        whole, resampled = score(own, mask), bootstrap(own, mask, paired.image_ids)
        values.append((whole.micro if pooled else whole.mean) or 0.0)
        draws.append(None if resampled is None else resampled.micro if pooled else resampled.mean)
        shares.append(_shares(own, mask, paired, pooled))
    known = [draw for draw in draws if draw is not None]
    return _Sampled(values=np.array(values), draws=np.stack(known) if len(known) == len(draws) else None, shares=np.mean(shares, axis=0))


def _shares(own: Float[np.ndarray, "N C"], mask: np.ndarray, paired: Paired, pooled: bool) -> Float[np.ndarray, " I"]:
    """The addends of the average, summed for each image."""
    counts = np.full(own.shape[1], mask.sum()) if pooled else mask.sum(0) * (mask.any(0).sum())
    weights = np.where(counts > 0, 1 / np.maximum(counts, 1), 0.0)
    place = np.unique(paired.image_ids, return_inverse=True)[1]
    found: np.ndarray = np.bincount(place, (np.where(mask, own, 0.0) * weights).sum(1))
    return found


def _p(first: _Sampled, other: _Sampled) -> float:
    """That the two are alike: by the images, and where both have several seeds, by the seeds too; a difference must outlive both."""
    by_images = float(sign_flip_p((other.shares - first.shares)[:, None], resamples=FLIPS)[0])
    several = len(first.values) > 1 and len(other.values) > 1
    return max(by_images, welch_p(first.values, other.values)) if several else by_images


def _groups(subjects: Sequence[Subject]) -> list[list[int]]:
    """Runs of one recipe together, whatever their seed; everything else alone."""
    groups: dict[Any, list[int]] = {}
    for i, subject in enumerate(subjects):
        key = i if subject.recipe is None else subject.recipe.model_copy(update={"seed": 0}).model_dump_json()
        groups.setdefault(key, []).append(i)
    if any(len({subjects[i].recipe.seed for i in group}) < len(group) for group in groups.values() if len(group) > 1):  # type: ignore[union-attr]
        raise UsageError("two runs have the same recipe and the same seed", "Name each run once")
    return list(groups.values())


def _group_name(group: Sequence[Subject]) -> str:
    return group[0].name if len(group) == 1 else ", ".join(subject.name for subject in group)


def _named(subjects: Sequence[Subject]) -> list[Subject]:
    """With numbers behind names that stand there twice."""
    seen: dict[str, int] = {}
    named = []
    for s in subjects:
        seen[s.name] = seen.get(s.name, 0) + 1
        name = s.name if seen[s.name] == 1 else f"{s.name} ({seen[s.name]})"
        named.append(Subject(name=name, data=s.data, kept=s.kept, recipe=s.recipe, log=s.log))
    return named
