"""`explain layers`: where in the network the pose is known, how alike its places are, and what every stack adds.

Places with more than 4 x 4 positions are averaged onto 4 x 4 first, which bounds memory and time (a stem of 64 x 64 positions would say
millions of numbers a person); how much finer positions matter is therefore not seen. Letters: N people, L places, S stacks, K keypoints.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glasspose.configs.data import Data
from glasspose.explain.activations import GRID, gathered, untrained
from glasspose.explain.alignment import laws, matrix
from glasspose.explain.early_exit import Exit, exits
from glasspose.explain.explanation import Check, Explanation, NotApplicableError, Table
from glasspose.explain.layer_figures import figures
from glasspose.explain.principal import Dimension, centred, dimension
from glasspose.explain.probe_targets import pixel_components, removal, targets
from glasspose.explain.probing import Reading, folds, interval, read, read_both
from glasspose.explain.sample import Sample, draw_sample
from glasspose.explain.subject import Progress, Subject, silent, subject
from glasspose.metrics.scores import Interval
from glasspose.network import PoseNetwork

FEWEST = 40
PIXELS = "pixels"


@dataclass(frozen=True, kw_only=True, eq=False)
class Probes:
    """How well one target is read off every place of the network, of the same network untrained, and off the pixels."""

    target: str
    trained: Mapping[str, Reading]
    control: Mapping[str, Reading]
    """The same values, of other people."""
    fresh: Mapping[str, Reading]
    pixels: Reading
    groups: np.ndarray

    @property
    def best(self) -> str:
        """The place that tells it best."""
        return max(self.trained, key=lambda name: self.trained[name].r2)

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The numbers of every place."""
        return {name: self._row(name) for name in self.trained}

    def _row(self, name: str) -> dict[str, Any]:
        own, other = self.trained[name], self.control[name]
        return {
            "r2": own.r2,
            "r2_interval": interval(own, self.groups),
            "selectivity": own.r2 - other.r2,
            "selectivity_interval": interval(own, self.groups, other),
            "untrained_r2": self.fresh[name].r2,
        }


def layers(weights: str | Path | PoseNetwork, data: Data, *, n: int = 200, seed: int = 0, progress: Progress = silent) -> Explanation:
    """Probes with controls, CKA, effective dimensions and accuracy by stack at every place that the network names.

    NotApplicableError for networks that name no place, or fewer than 40 people.
    """
    asked = subject(weights)
    places = asked.taps()
    sample = draw_sample(data, asked.skeleton, asked.size, n, seed)
    if len(sample) < FEWEST:
        raise NotApplicableError(f"{len(sample)} people are too few for probes", f"Give --n {FEWEST} or more")
    rows = gathered(asked.network, places, sample, grid=GRID, progress=progress)
    rows = {name: rows[name] for name in places}
    grams = {name: centred(values) for name, values in rows.items()}
    probes = _probes(asked, sample, grams, seed)
    alike, bounds = matrix(list(grams.values()), seed)
    sizes = {name: dimension(values, seed) for name, values in rows.items()}
    by_stack = exits(asked, sample)
    told_most = probes[0].best
    checks = [*_probe_checks(probes), *laws(rows[told_most], seed), *removal(asked, sample, told_most, folds(sample.image_ids, seed), seed)]
    numbers = {
        "probes": {p.target: {"pixels_r2": p.pixels.r2, **{name: p.rows[name] for name in rows}} for p in probes},
        "cka": {"places": list(rows), "values": alike, "intervals": bounds},
        "dimensions": {name: asdict(value) for name, value in sizes.items()},
        "stacks": [one.numbers() for one in by_stack],
    }
    return Explanation(
        name="layers",
        question="Where in the network is the pose known, and is every stack needed?",
        answer=_answer(probes[0], by_stack, sizes, len(sample)),
        checks=checks,
        numbers=numbers,
        provenance=asked.provenance(sample, seed, grid=GRID, probes="ridge, 5 folds by picture", cka="debiased, linear"),
        figures=figures(probes, list(rows), alike, sizes, by_stack, len(sample)),
        tables=[_probe_table(probes, rows), _dimension_table(sizes), _exit_table(by_stack)],
        limits=(
            "what the network uses: what can be read off a place need not be used by what follows",
            f"detail finer than {GRID} x {GRID} positions: larger maps are averaged onto that first",
            f"more than {len(sample) - 1} dimensions, since there are {len(sample)} people; compare places on the same people only",
            "that places alike by CKA do the same: very alike places may be used otherwise",
        ),
    )


def _probes(asked: Subject, sample: Sample, grams: Mapping[str, np.ndarray], seed: int) -> list[Probes]:
    """For every target. The untrained network is gathered once."""
    fresh = Subject(network=untrained(asked.network, sample, seed), card=asked.card)
    fresh_grams = {name: centred(values) for name, values in gathered(fresh.network, fresh.taps(), sample, grid=GRID).items()}
    pixels = centred(pixel_components(sample, len(sample) - 1))
    fold = folds(sample.image_ids, seed)
    made = []
    for i, target in enumerate(targets(sample)):
        both = {name: read_both(gram, target, fold, seed + 100 + i) for name, gram in grams.items()}
        made.append(
            Probes(
                target=target.name,
                trained={name: found[0] for name, found in both.items()},
                control={name: found[1] for name, found in both.items()},
                fresh={name: read(fresh_grams[name], target, fold) for name in grams},
                pixels=read(pixels, target, fold),
                groups=sample.image_ids,
            )
        )
    return made


def _probe_checks(probes: Sequence[Probes]) -> list[Check]:
    """For keypoints, at the place that tells them best: more than chance, than before training, than the pixels."""
    one = probes[0]
    name = one.best
    own = one.trained[name]
    made = []
    for what, other in (("shuffled labels", one.control[name]), ("the untrained network", one.fresh[name]), ("the pixels", one.pixels)):
        low, high = interval(own, one.groups, other) or (np.nan, np.nan)
        said = f"{low:.2f} to {high:.2f}"
        bound = "interval above 0"
        made.append(
            Check(name=f"keypoints at {name}: R2 above that of {what}", passed=bool(low > 0), value=own.r2 - other.r2, bound=bound, reason=said)
        )
    return made


def _answer(keypoints: Probes, by_stack: Sequence[Exit], sizes: Mapping[str, Dimension], n: int) -> str:
    name = keypoints.best
    own = keypoints.rows[name]
    reads = _ranged(own["r2"], own["r2_interval"])
    beside = f"untrained {own['untrained_r2']:.2f}, pixels {keypoints.pixels.r2:.2f}; n = {n}"
    first = f"Keypoints are told best at {name}: a linear probe on {GRID} x {GRID} positions reads them with R2 {reads} ({beside})."
    least = min(sizes, key=lambda place: sizes[place].participation)
    most = max(sizes, key=lambda place: sizes[place].participation)
    span = f"Effective dimension goes from {sizes[least].participation:.1f} ({least}) to {sizes[most].participation:.1f} ({most})."
    return f"{first} {_last_stack(by_stack)} {span}"


def _last_stack(by_stack: Sequence[Exit]) -> str:
    last = by_stack[-1]
    if len(by_stack) < 2 or last.gain is None:
        return "There is one stack." if len(by_stack) < 2 else "Nobody has a torso length, so that stacks cannot be judged."
    low, high = last.gain_interval or (last.gain, last.gain)
    needed = "it helps" if low > 0 else "it hurts" if high < 0 else "whether it helps is open"
    return f"The last stack adds {100 * last.gain:+.1f} points of PCK@0.2 ({100 * low:+.1f} to {100 * high:+.1f}): {needed}."


def _ranged(value: float, bounds: Interval | None, form: str = ".2f") -> str:
    return f"{value:{form}}" + (f" ({bounds[0]:{form}} to {bounds[1]:{form}})" if bounds else "")


def _probe_table(probes: Sequence[Probes], names: Mapping[str, Any]) -> Table:
    """Selectivity and every untrained place stand in the JSON."""
    body: list[Sequence[str | float | int | None]] = []
    for name in names:
        body.append((name, *(_ranged(p.rows[name]["r2"], p.rows[name]["r2_interval"]) for p in probes)))
    body.append(("shuffled labels, at best", *(f"{max(one.r2 for one in p.control.values()):.2f}" for p in probes)))
    body.append(("untrained, at best", *(f"{max(one.r2 for one in p.fresh.values()):.2f}" for p in probes)))
    body.append((PIXELS, *(f"{p.pixels.r2:.2f}" for p in probes)))
    columns = ("place", *(p.target for p in probes))
    return Table(name="probes", caption="R2 of what a linear probe reads off each place", columns=columns, rows=body)


def _dimension_table(sizes: Mapping[str, Dimension]) -> Table:
    body = [
        (
            name,
            d.numbers,
            _ranged(d.components, d.components_interval, ".0f"),
            d.components_of_half,
            _ranged(d.participation, d.participation_interval, ".1f"),
        )
        for name, d in sizes.items()
    ]
    columns = ("place", "numbers", "components for 95 %", "with half of the people", "participation ratio")
    return Table(name="dimensions", caption="Effective dimension of every place (the thesis's redundancy elsewhere)", columns=columns, rows=body)


def _exit_table(by_stack: Sequence[Exit]) -> Table:
    body = []
    for one in by_stack:
        pck = "-" if one.pck is None else _ranged(100 * one.pck, one.pck_interval and (100 * one.pck_interval[0], 100 * one.pck_interval[1]), ".1f")
        gain = (
            "-"
            if one.gain is None
            else _ranged(100 * one.gain, one.gain_interval and (100 * one.gain_interval[0], 100 * one.gain_interval[1]), "+.1f")
        )
        body.append((one.stack, pck, gain, f"{one.gigaflops:.3f}", f"{one.milliseconds:.1f}"))
    columns = ("stack", "PCK@0.2, %", "more than the stack before, points", "GFLOP", "ms for one person, here")
    return Table(name="stacks", caption="Early exit: what it costs to stop after each stack", columns=columns, rows=body)
