"""`explain walk`: what moving along a direction of the bottleneck does to the pose.

A walk from a person goes from what the bottleneck says of this picture, by c standard deviations along a component, c from -3 to 3. The
thesis's walk goes from the mean (regime `mean`), and its pictures are the nearest real people on the way. Letters: N people, M sources,
T steps, K keypoints, D numbers of the bottleneck, R random directions.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from glasspose.configs.data import Data
from glasspose.explain.activations import one_a_picture
from glasspose.explain.explanation import Check, Explanation, NotApplicableError, Table
from glasspose.explain.principal import components_for
from glasspose.explain.sample import Sample, draw_sample, sample_of_picture
from glasspose.explain.steering import REGIMES, Decoder, Frames, answer_of, decoder
from glasspose.explain.subject import Progress, Subject, Told, silent, subject
from glasspose.explain.walk_figures import Nearest, figures, moving_picture
from glasspose.explain.walk_probe import Probed, probe, probe_checks, probed
from glasspose.explain.walks import STEPS, Walk, bypass_index, change, walked
from glasspose.geometry import extent, fit_aspect, invert, transform
from glasspose.images import load_image
from glasspose.metrics.scores import Interval
from glasspose.network import PoseNetwork

WALKED = (0, 1, 2)
"""The first three components."""
GRID = (1, 2, 3, 10, 30, 50, 100, 200, 400)
"""Components of the thesis's grid, as far as there are so many."""
SOURCES = 12
FEWEST = 20
BYPASSED = 0.1
"""Below this share of the effect, the bottleneck is bypassed."""
MOST_OFF = 0.2
SAME = 1e-5


def walk(
    weights: str | Path | PoseNetwork, data: Data, *, photo: str | Path | None = None, n: int = 200, seed: int = 0, progress: Progress = silent
) -> Explanation:
    """Walk through the last stack's bottleneck. `data` says which directions there are; `photo`, if given, is where the pictures start.

    NotApplicableError without a bottleneck, or for fewer than 20 people.
    """
    asked = subject(weights)
    asked.taps()
    sample = draw_sample(data, asked.skeleton, asked.size, n, seed)
    if len(sample) < FEWEST:
        raise NotApplicableError(f"{len(sample)} people do not say which directions there are", f"Give --n {FEWEST} or more")
    known = decoder(asked, sample, progress)
    told = asked.ask_all(sample)
    sources = _sources(sample, told, photo, asked, seed)
    steps = np.sqrt(known.found.variances)
    walks = [walked(known, sources, known.found.axes[i], f"component {i + 1}", float(steps[i])) for i in WALKED if i < len(steps)]
    asked_of = probe(known, sample, told, seed)
    found = None if asked_of is None else probed(known, sources, asked_of, seed)
    bypass, ranges = bypass_index(walks)
    nearest = _nearest(known, sample, told)
    started = answer_of(known, sources.inputs())
    off = float(np.mean([one.off.mean() for one in walks]))
    numbers = {
        "bypass_index": bypass,
        "bypass_interval": ranges,
        "off_manifold": off,
        "changes": {one.name: _changes_of(one) for one in walks},
        "probe": None if found is None else found.numbers(),
        "nearest": {str(row.component): {"different_people": row.different, "share": row.share} for row in nearest},
    }
    return Explanation(
        name="walk",
        question="What does moving along a direction of the bottleneck do to the pose?",
        answer=_answer(known, bypass, ranges, found, nearest),
        checks=[_still_check(walks, started), _bypass_check(bypass), *probe_checks(found), _density_check(off)],
        numbers=numbers,
        provenance=asked.provenance(sample, seed, place=known.place, regimes=list(REGIMES), steps=STEPS.tolist(), sources=len(sources)),
        figures=figures(walks, sources, sample, nearest, found, known),
        tables=[_table(walks, nearest)],
        files={"film.gif": moving_picture(walks[0], sources, asked.skeleton)},
        limits=(
            "poses that the network cannot make: only directions in which these people differ are walked",
            "one pose moving by itself: under `moved` the skips follow on average, not as a real picture's would",
            "that the network keeps a pose in one direction: other directions may do the same",
        ),
    )


def _sources(sample: Sample, told: Told, photo: str | Path | None, asked: Subject, seed: int) -> Sample:
    """The people from whom walks start; one photograph, framed by what the network itself finds in it."""
    if photo is None:
        drawn = np.random.default_rng([seed, 2]).permutation(len(sample))[:SOURCES]
        return chosen_of(sample, drawn[np.argsort(-told.scores[drawn].mean(1), kind="stable")])  # the film shows the first
    rows, columns = load_image(photo).shape[:2]
    box = fit_aspect([0, 0, columns, rows], asked.size)
    first = sample_of_picture(str(photo), asked.skeleton, box, asked.size)
    there = transform(asked.ask(first.inputs()).keypoints[0], invert(first.image_to_input[0]))
    box = fit_aspect(extent(there, np.ones(len(there), bool)), asked.size, 1.25)
    return sample_of_picture(str(photo), asked.skeleton, box, asked.size)


def chosen_of(sample: Sample, chosen: np.ndarray) -> Sample:
    """Some of the people."""
    rows = ("pixels", "keypoints", "labelled", "occluded", "torso", "image_to_input")
    return replace(sample, people=[sample.people[i] for i in chosen], **{name: getattr(sample, name)[chosen] for name in rows})


def _nearest(known: Decoder, sample: Sample, told: Told) -> list[Nearest]:
    """The thesis's grid: on the way from the mean, the nearest person; among full skeletons where there are enough, whose labels are shown."""
    full = np.flatnonzero(sample.labelled.all(1))
    people = full if len(full) >= FEWEST else one_a_picture(sample.image_ids)
    poses = sample.keypoints if len(full) >= FEWEST else told.keypoints
    rows = []
    for component in [c for c in GRID if c <= len(known.found.variances)]:
        spread = np.sqrt(known.found.variances[component - 1])
        target = np.zeros((6, known.found.scores.shape[1]))
        target[:, component - 1] = np.array([-3, -2, -1, 1, 2, 3]) * spread
        chosen = people[[int(np.argmin(np.linalg.norm(known.found.scores[people] - one, axis=1))) for one in target]]
        share = float(known.found.variances[component - 1] / known.found.variances.sum())
        rows.append(Nearest(component=component, people=tuple(int(i) for i in chosen), poses=poses[chosen], share=share))
    return rows


def _changes_of(one: Walk) -> dict[str, list[float]]:
    return {regime: change(made).mean(0).tolist() for regime, made in one.by_regime.items()}


def _still_check(walks: Sequence[Walk], started: Frames) -> Check:
    """Step 0 is the network's own answer."""
    middle = int(np.argmin(np.abs(STEPS)))
    apart = max(float(np.abs(one.by_regime[regime].maps[:, middle] - started.maps[:, 0]).max()) for one in walks for regime in ("frozen", "moved"))
    return Check(name="step 0 is the network's own answer", passed=apart <= SAME, value=apart, bound=f"maps differ by at most {SAME:g}")


def _bypass_check(bypass: float) -> Check:
    reason = "bottleneck not causal here: walks through it mean nothing" if bypass < BYPASSED else ""
    name = "bypass index (change with frozen skips / with all moved)"
    return Check(name=name, passed=bypass >= BYPASSED, value=bypass, bound=f"at least {BYPASSED}", reason=reason)


def _density_check(off: float) -> Check:
    return Check(name="share of frames where nobody is (shown grey)", passed=off < MOST_OFF, value=off, bound=f"below {MOST_OFF}", only_local=True)


def _answer(known: Decoder, bypass: float, ranges: Interval | None, probed: Probed | None, nearest: Sequence[Nearest]) -> str:
    bounds = f" ({ranges[0]:.2f} to {ranges[1]:.2f})" if ranges else ""
    follows = probed is not None and probed.effects["frozen"].follows
    does = "is bypassed" if bypass < BYPASSED else "moves the pose" if follows else "changes the maps, but the pose does not go with it"
    share = f"{bypass:.2f}{bounds} of the effect on the maps of moving the skips along with it"
    first = f"{known.place} {does}: moving it alone has {share} (n = {len(known.rows)})."
    first += "" if probed is None else f" {probed.said()}"
    still = [row.component for row in nearest if row.different <= 2]
    carried = components_for(known.found.variances)
    rest = f" From component {still[0]} on, at most two people are ever the nearest: such steps are too small to reach anybody else." if still else ""
    return f"{first} Component 1 carries {100 * nearest[0].share:.1f} % of the variance, {carried} together 95 %.{rest}"


def _table(walks: Sequence[Walk], nearest: Sequence[Nearest]) -> Table:
    rows: list[Sequence[str | float | int | None]] = []
    for one, row in zip(walks, nearest, strict=False):
        made = {regime: change(one.by_regime[regime])[:, -1].mean() / max(change(one.by_regime["moved"])[:, -1].mean(), 1e-30) for regime in REGIMES}
        rows.append(
            (one.name, round(100 * row.share, 1), *(round(float(made[regime]), 3) for regime in REGIMES), round(100 * float(one.off.mean()), 1))
        )
    columns = ("walk", "variance, %", "change, skips frozen", "all moved", "from the mean", "frames off, %")
    return Table(name="walks", caption="How far the maps change at +3 standard deviations, in units of `moved`", columns=columns, rows=rows)
