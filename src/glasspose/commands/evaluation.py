"""`glasspose evaluate`."""

import json as json_format
from pathlib import Path
from typing import Any

from glasspose.configs.data import Data


def evaluate(
    weights: str,
    *,
    data: Data,
    json: Path | None = None,
    boxes: Path | None = None,
    flip_test: bool = True,
    batch: int = 16,
    device: str = "auto",
) -> int:
    """Measure weights on a dataset, with 95 % intervals over images.

    Example: glasspose evaluate hourglass-tiny-lsp --data.kind drawn_people --data.count 40

    Two protocols are printed: the crop from the labels (square, 1.25 x the longer labelled side), and predict's own two passes over
    the whole picture.

    Parameters
    ----------
    weights
        A name of shipped weights, or a .safetensors file beside its card.
    json
        Write all numbers to this file.
    boxes
        A file of person boxes from a detector: measure many people a picture by OKS, scored box times mean keypoint score.
    flip_test
        Average the heatmaps with those of the mirrored picture.

    """
    from rich.console import Console

    from glasspose.commands.progress import progress_bar
    from glasspose.evaluation import evaluate, evaluate_boxes
    from glasspose.files import write_atomically

    with progress_bar("pictures") as progress:
        if boxes is not None:
            report = evaluate_boxes(weights, data, boxes, flip_test=flip_test, batch=batch, device=device, progress=progress)
        else:
            report = evaluate(weights, data, flip_test=flip_test, batch=batch, device=device, progress=progress)
    if json is not None:
        write_atomically(json, (json_format.dumps(report, indent=1) + "\n").encode())
    console = Console(markup=False)
    console.print(f"{report['weights']['name']} on {data.kind} {data.split}: {report['n']} people in {report['images']} pictures")
    for title, part in ((report["protocol"], report), *((p["protocol"], p) for p in [report.get("two_pass")] if p)):
        _print(console, title, part)
    return 0


def _print(console: Any, title: str, numbers: dict[str, Any]) -> None:
    from rich.table import Table

    scores = {name: value for name, value in numbers.items() if isinstance(value, dict) and "per_keypoint" in value}
    table = Table(title=f"{title} (n = {numbers['n']})", title_justify="left")
    table.add_column("keypoint")
    for name in scores:
        table.add_column(f"{name}{' px' if name == 'epe' else ' %'}", justify="right")
    keypoints = list(next(iter(scores.values()))["per_keypoint"]) if scores else []
    for keypoint in keypoints:
        table.add_row(keypoint, *(_shown(name, score["per_keypoint"][keypoint]) for name, score in scores.items()))
    table.add_section()
    for row, key in (("mean over keypoints", "mean"), ("mean over all joints", "micro")):
        interval = "interval" if key == "mean" else "micro_interval"
        table.add_row(row, *(_with_interval(name, score[key], score[interval]) for name, score in scores.items()))
    table.add_row("people left out", *(str(score["left_out"]) for score in scores.values()))
    if scores:
        console.print(table)
    if "oks" in numbers:
        console.print("OKS  " + "  ".join(f"{name} {value:.3f}" if value is not None else f"{name} -" for name, value in numbers["oks"].items()))


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if name == "epe" else f"{100 * value:.1f}"


def _with_interval(name: str, value: float | None, interval: tuple[float, float] | None) -> str:
    return _shown(name, value) + (f" ({_shown(name, interval[0])} to {_shown(name, interval[1])})" if interval else "")
