"""The figures of `explain trust`: reliability before and after, risk against coverage, coverage by group, radii over people."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float

from glasspose.drawing import contact_sheet, enlarged
from glasspose.explain.explanation import Figure
from glasspose.explain.plotting import BLUE, GREEN, GREY, ORANGE, RED, canvas, figure_of, picture_of
from glasspose.explain.reliability import bins_of, risk_coverage
from glasspose.structures import Image


def figures(
    scores: Float[np.ndarray, " n"],
    probability: Float[np.ndarray, " n"],
    hit: Bool[np.ndarray, " n"],
    numbers: Mapping[str, Any],
    examples: Sequence[Mapping[str, Any]],
) -> list[Figure]:
    """All of them."""
    return [_reliability(scores, probability, hit, numbers), _risk(scores, probability, hit), _coverage(numbers), _people(examples)]


def _reliability(scores: np.ndarray, probability: np.ndarray, hit: np.ndarray, numbers: Mapping[str, Any]) -> Figure:
    drawn = canvas(8.5, 4.2)
    panels = drawn.subplots(1, 2, sharey=True)
    error = numbers["calibration error"]
    for axes, values, name, key, colour in (
        (panels[0], scores, "raw score", "before", ORANGE),
        (panels[1], probability, "probability", "after", BLUE),
    ):
        bins = bins_of(values, hit)
        spread = 1.96 * np.sqrt(np.maximum(bins.accuracy * (1 - bins.accuracy), 1e-4) / bins.count)
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
        axes.errorbar(bins.confidence, bins.accuracy, yerr=spread, fmt="o-", color=colour, markersize=4, capsize=2)
        low, high = error[f"{key}_interval"]
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=name, aspect="equal")
        axes.set_title(f"calibration error {100 * error[key]:.1f} points ({100 * low:.1f} to {100 * high:.1f})", fontsize=10)
    panels[0].set_ylabel("share of hits (PCK@0.2)")
    return figure_of(
        drawn, "reliability", f"What confidences mean, on pictures that nothing was fitted on; {len(hit)} keypoints in 15 equal bins; dashed: honest."
    )


def _risk(scores: np.ndarray, probability: np.ndarray, hit: np.ndarray) -> Figure:
    drawn = canvas(6.5, 3.6)
    axes = drawn.subplots()
    share = 100 * np.arange(1, len(hit) + 1) / len(hit)
    for name, values, colour in (("raw score", scores, ORANGE), ("probability", probability, BLUE), ("perfect order", hit.astype(float), GREEN)):
        risk, area = risk_coverage(values, hit)
        axes.plot(share, 100 * risk, color=colour, label=f"{name} (AURC {area:.3f})")
    axes.axhline(100 * (1 - hit.mean()), color=GREY, linewidth=1, linestyle="--", label="no order")
    axes.set(xlabel="keypoints kept, surest first, %", ylabel="misses among them, %", xlim=(0, 100), ylim=(0, None))
    axes.legend(fontsize=8)
    return figure_of(drawn, "risk", f"How many misses remain when only the surest keypoints are kept; {len(hit)} keypoints.")


def _coverage(numbers: Mapping[str, Any]) -> Figure:
    conformal, other = numbers["conformal"], numbers["other"]
    rows: list[tuple[str, float, Any]] = [("all", conformal["mean"], None), *((name, value, None) for name, value in conformal["groups"].items())]
    if other is not None:
        rows.append((other["data"], other["coverage"], other["coverage_interval"]))
    drawn = canvas(7, 1.2 + 0.36 * len(rows))
    axes = drawn.subplots()
    for y, (_, value, interval) in enumerate(rows):
        axes.barh(y, 100 * value, color=RED if interval is not None and interval[1] < conformal["asked"] else BLUE, height=0.65)
        axes.text(1, y, f"{100 * value:.1f} %", va="center", fontsize=8, color="white")
        if interval is not None:
            axes.plot([100 * v for v in interval], [y, y], color="black", linewidth=1.2)
    axes.axvline(100 * conformal["asked"], color="black", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 100), xlabel="keypoints within their radius, % (dashed: promised; red: the promise is broken)")
    axes.xaxis.label.set_fontsize(8)
    return figure_of(drawn, "coverage", "Whom the radii hold, mean over 100 random splits; other data by the radii that are written.")


def _people(examples: Sequence[Mapping[str, Any]]) -> Figure:
    pictures = [_drawn(example) for example in examples]
    captions = [f"mean probability {float(np.mean(e['probability'][e['labelled']])):.2f}" for e in examples]
    caption = (
        "Radii that hold the label in 90 % of the cases, from the surest person to the least sure; blue: holds the label (cross), orange: misses it."
    )
    return picture_of(contact_sheet(pictures, captions, columns=3, cell=256), "radii", caption)


def _drawn(example: Mapping[str, Any]) -> Image:
    factor = max(1, round(384 / example["pixels"].shape[0]))
    canvas_ = enlarged(example["pixels"], factor)
    canvas_ = (0.75 * canvas_ + 40).astype(np.uint8)
    for point, truth, radius in zip(*(example[key][example["labelled"]] for key in ("keypoints", "truth", "radii")), strict=True):
        middle, label = ((place + 0.5) * factor - 0.5 for place in (point, truth))
        held = bool(np.linalg.norm(point - truth) <= radius)
        colour = (0, 114, 178) if held else (230, 97, 0)
        x, y = (round(float(v)) for v in middle)
        cv2.circle(canvas_, (x, y), max(1, round(float(radius) * factor)), colour, 1, cv2.LINE_AA)
        cv2.circle(canvas_, (x, y), 2, colour, -1, cv2.LINE_AA)
        u, v = (round(float(w)) for w in label)
        cv2.drawMarker(canvas_, (u, v), (255, 255, 255), cv2.MARKER_CROSS, 9, 3)
        cv2.drawMarker(canvas_, (u, v), colour, cv2.MARKER_CROSS, 7, 1)
    return canvas_
