"""Write docs/results.md from the results in docs/results: `python experiments/page.py`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cells import CELLS, CROSS, HEADS, OWN_MEASURE, VICTORIA, Cell
from literature import CASCADE_FEATURE_AGGREGATION, ELSEWHERE, SURVEYED
from run import commands

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results/experiments"
HEAD = """# Results

Made by `python experiments/page.py` from the JSON files in [results/experiments](results/experiments); every number was measured by the command that stands in its file.

- **Data**: Leeds Sports Pose Extended as described in [weights.md](weights.md): 8,000 people to learn from, 500 validation people to measure on. The test people are kept for published weights.
- **Measure**: PCK@0.2 in torso lengths over all joints, crop from the labels, flip test; beside it predict's own two passes over the whole picture. 95 % intervals resample pictures.
- **Size**: *small* is 128 px, 64 channels, six epochs (COCO's few people: more epochs), one seed, one or two CPU cores shared with other work, so minutes say little ([recipes/small-lsp.yaml](../recipes/small-lsp.yaml) with the options named). *full* is 256 px, 256 channels, 60 epochs, for a GPU; the thesis's rows have its own recipe (RMSprop, no augmentation, 50 epochs). An empty cell has not been run. Within a table views, schedule and epochs are the same, except where a row says so; networks that answer with numbers have a lower rate. The thesis's own network, which costs four times as much as Newell's of the same width, knew too little for a small cell (32 channels, batches of 16, rate 0.002: validation PCK@0.2 2.1 % and 4.0 % after the first and second of five epochs): its rows wait for a GPU, and its questions are asked of Newell's network below.
- **The documents' own measures** (`thesis`, `head_segment@0.5`, `uvic_x_only`; [metrics.md](metrics.md)) stand in a column of their own beside what the documents report.
- **One seed** is one checkpoint: differences between small rows below 2 points mean nothing (Newell, 1 stack, with the same seed on two threads instead of one: 43.0 % instead of 41.5), and those above it hold for these checkpoints only.
- `Δ` is the difference in percentage points to the first row of a table, to its own kind where a row is a variation of another (separable, raw, visible only), with a 95 % interval that resamples the same pictures for both.
"""


def main() -> None:
    """Every table, then what others report."""
    parts = [HEAD, *(table(group) for group in dict.fromkeys(cell.group for cell in CELLS)), elsewhere(), literature()]
    (ROOT / "docs/results.md").write_text("\n".join(parts))


def table(group: str) -> str:
    """One group of cells."""
    cells = [cell for cell in CELLS if cell.group == group]
    heads = ["", "parameters", "PCK@0.2, %", "two passes, %", "Δ, points", "minutes", *(part[0] for part in extra(group))]
    heads += ["documents report", "why it differs"]
    lines = [f"## {group}", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for size in ("small", "full"):
        shown = [cell for cell in cells if results(cell, size) or (cell.small is not None) == (size == "small")]
        lines += [row(cell, size) for cell in shown]
    written = [f"- {cell.name} ({size}): {said}" for size in ("small", "full") for cell in cells if (said := how(cell, size))]
    return "\n".join([*lines, "", *controlled(cells), "<details><summary>Commands, hardware</summary>", "", *written, "", "</details>", ""])


def how(cell: Cell, size: str) -> str:
    """The commands of a cell; what was run, and on what, where it was."""
    found = results(cell, size)
    if not found:
        own = (cell.small is not None) == (size == "small")
        return "; ".join(f"`{command}`" for command in commands(cell, size)) if own else ""
    one = found[0]
    made = "; ".join(f"`{command}`" for command in (one["command"], one["evaluate"]) if command)
    return f"{made}; seed {', '.join(str(other['seed']) for other in found)}; {one['hardware']}"


def controlled(cells: list[Cell]) -> list[str]:
    """What a table says of arms that started from the same weights as a control: the difference to it, which is what the arm itself is worth."""
    controls = {cell.init: cell for cell in cells if cell.name.endswith("-control")}
    said = []
    for size in ("small", "full"):
        for cell in (cell for cell in cells if cell.trains and cell.init in controls and cell is not controls[cell.init]):
            found, control = results(cell, size), results(controls[cell.init], size)
            if found and control:
                said.append(f"- {cell.label} ({size}), against the same epochs without it: **{difference(found, control)} points**")
    return [*said, ""] if said else []


def boxes(evaluation: dict[str, Any]) -> str:
    """How well head boxes lie over the labelled ones, and the documents' square error."""
    found = evaluation["boxes"]
    return f"{100 * found['iou']['value']:.1f}, {found['mse']['value']:.0f}"


def oks(evaluation: dict[str, Any]) -> str:
    """COCO's average precision, where its keypoints are known."""
    found = evaluation.get("oks", {})
    return f"{100 * found['AP']:.1f}, {100 * found['AP50']:.1f}" if found else ""


def counted(name: str) -> Callable[[dict[str, Any]], str]:
    """A document's own measure."""

    def read(evaluation: dict[str, Any]) -> str:
        found = evaluation.get("protocols", {}).get(name)
        return f"{100 * found['value']:.1f}" if found else ""

    return read


def extra(group: str) -> list[tuple[str, Callable[[dict[str, Any]], str]]]:
    """Columns of a table of its own."""
    own = [("IoU %, square error px²", boxes)] if group == HEADS else []
    own += [("OKS AP, AP50 %", oks)] if group in (CROSS, VICTORIA) else []
    return own + ([(f"`{OWN_MEASURE[group]}`, %", counted(OWN_MEASURE[group]))] if group in OWN_MEASURE else [])


def results(cell: Cell, size: str) -> list[dict[str, Any]]:
    """What was measured, one for each seed."""
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob(f"{cell.name}-{size}-seed*.json"))]


def row(cell: Cell, size: str) -> str:
    """One line of a table."""
    found, columns = results(cell, size), extra(cell.group)
    label = f"{cell.label} ({size}{f', {len(found)} seeds' if len(found) > 1 else ''})"
    if not found:
        waits = "for a GPU: not run yet" if size == "full" else "not run yet"
        return f"| {label} |{' |' * (5 + len(columns))} {cell.document} | {'; '.join(filter(None, (cell.why, waits)))} |"
    if cell.explains:
        lost = found[0]["evaluation"]["lost"]["zero"]
        return f"| {label} | {found[0]['parameters'] / 1e6:.2f} M | | | lost: {lost} | |{' |' * len(columns)} {cell.document} | {cell.why} |"
    minutes = [f"{one['seconds'] / 60:.0f}" for one in found if one["seconds"]]
    first = baseline(cell)
    cells = [label, f"{found[0]['parameters'] / 1e6:.2f} M", score(found, None), score(found, "two_pass")]
    cells += [difference(found, results(first, size)) if first and first is not cell else "", " / ".join(minutes)]
    cells += [" / ".join(read(one["evaluation"]) for one in found) for _, read in columns]
    cells += [cell.document, cell.why]
    return "| " + " | ".join(cells) + " |"


def baseline(cell: Cell) -> Cell | None:
    """What a cell is compared with."""
    if cell.baseline is None:
        return None
    return next(other for other in CELLS if (other.name == cell.baseline if cell.baseline else other.group == cell.group))


def score(found: list[dict[str, Any]], part: str | None) -> str:
    """The mean over seeds; the interval of one seed, or the range of several."""
    own = [(one["evaluation"][part] if part else one["evaluation"])["pck@0.2"] for one in found]
    values = [100 * one["micro"] for one in own]
    if len(values) > 1:
        return f"{np.mean(values):.1f} (seeds {min(values):.1f} to {max(values):.1f})"
    low, high = own[0]["micro_interval"]
    return f"{values[0]:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def difference(found: list[dict[str, Any]], first: list[dict[str, Any]]) -> str:
    """To the first row; where both were measured on the same people, with the interval that resamples their pictures."""
    if not first:
        return ""
    mean = [np.mean([100 * one["evaluation"]["pck@0.2"]["micro"] for one in some]) for some in (found, first)]
    pairs = [(one["people"], other["people"]) for one, other in zip(found, first, strict=False) if "people" in one and "people" in other]
    same = [pair for pair in pairs if all(pair[0][key] == pair[1][key] for key in ("image_ids", "asked"))]
    if not same:
        return f"{mean[0] - mean[1]:+.1f}"
    low, high = np.percentile(np.mean([resampled(*pair) for pair in same], axis=0), (2.5, 97.5))
    return f"{mean[0] - mean[1]:+.1f} ({low:+.1f} to {high:+.1f})"


def resampled(one: dict[str, Any], other: dict[str, Any], draws: int = 2000) -> Any:
    """The difference of two PCKs in points, on resamples of the pictures."""
    _, place = np.unique(one["image_ids"], return_inverse=True)
    sums = np.stack([np.bincount(place, values) for values in (one["hits"], other["hits"], one["asked"])])
    chosen = np.random.default_rng(0).integers(sums.shape[1], size=(draws, sums.shape[1]))
    first, second, asked = (part[chosen].sum(1) for part in sums)
    return 100 * (first - second) / asked


def elsewhere() -> str:
    """What needs pictures that are not here."""
    lines = ["## On pictures that are not here", "", "| | command | documents report | here |", "|---|---|---|---|"]
    lines += [f"| {label} | `glasspose train {words}` | {document} | not run: no images here |" for label, words, document in ELSEWHERE]
    return "\n".join([*lines, ""])


def literature() -> str:
    """What others report."""
    lines = [
        "## What others report",
        "",
        "Not ours, on MPII, by other protocols: Table 1 of the COCO-Human-Pose report (University of Victoria 2021) as it prints it.",
        "",
    ]
    lines += ["| method | kind | backbone | input | PCKh, % |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {kind} | {backbone} | {size} | {'-' if value is None else value} |" for name, kind, backbone, size, value in SURVEYED]
    return "\n".join([*lines, "", f"Bhansali's note quotes {CASCADE_FEATURE_AGGREGATION} % for Cascade Feature Aggregation.", ""])


if __name__ == "__main__":
    main()
