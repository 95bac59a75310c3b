"""`glasspose evaluate`."""

import json as json_format
from pathlib import Path
from typing import Any

from glasspose.configs.codecs import Decoder
from glasspose.configs.data import Data


def evaluate(
    weights: str,
    *,
    data: Data,
    json: Path | None = None,
    protocols: str = "",
    keep: bool = False,
    boxes: Path | None = None,
    flip_test: bool = True,
    decoder: Decoder | None = None,
    batch: int = 16,
    device: str = "auto",
    engine: str | None = None,
) -> int:
    """Measure weights on a dataset, with 95 % intervals over images.

    Example: glasspose evaluate hourglass-tiny-lsp --data.kind drawn_people --data.count 40

    Two protocols are printed: the crop from the labels (as in training; usually a square, 1.25 x the longer labelled side), and
    predict's own two passes over the whole picture.

    Parameters
    ----------
    weights
        A name of shipped weights, a .safetensors file beside its card, or an exported file (docs/export.md).
    json
        Write all numbers to this file.
    protocols
        Further ways to count, with commas between them: thesis,limbs,head_segment@0.5,pcp (see docs/metrics.md).
    keep
        Write every person's answers into the JSON, for `glasspose compare`.
    boxes
        A file of person boxes from a detector: measure many people a picture by OKS, scored box times mean keypoint score.
    flip_test
        Average the heatmaps with those of the mirrored picture.
    decoder
        Read heatmaps off in another way than the weights' own.
    engine
        What runs the network: torch where not given, onnxruntime or openvino; exported files have their own.

    """
    from rich.console import Console

    from glasspose.commands.progress import progress_bar
    from glasspose.errors import UsageError
    from glasspose.evaluation import evaluate, evaluate_boxes
    from glasspose.files import write_atomically

    options: dict[str, Any] = {"flip_test": flip_test, "batch": batch, "device": device, "engine": engine}
    names = [name.strip() for name in protocols.split(",") if name.strip()]
    if boxes is not None and (names or keep):
        raise UsageError("with --boxes people are judged by OKS alone", "Leave --protocols and --keep out")
    if boxes is not None and decoder is not None:
        raise UsageError("with --boxes heatmaps are read off as the weights do", "Leave --decoder out")
    if keep and json is None:
        raise UsageError("--keep writes into the JSON, and there is none", "Name one with --json FILE")
    with progress_bar("pictures") as progress:
        if boxes is not None:
            report = evaluate_boxes(weights, data, boxes, **options, progress=progress)
        else:
            report = evaluate(weights, data, protocols=names, keep=keep, decoder=decoder, **options, progress=progress)
    if json is not None:
        write_atomically(json, json_text(report).encode())
    console = Console(markup=False)
    console.print(f"{report['weights']['name']} on {data.kind} {data.split}: {report['n']} people in {report['images']} pictures")
    for title, part in ((report["protocol"], report), *((p["protocol"], p) for p in [report.get("two_pass")] if p)):
        _print(console, title, part)
    return 0


def json_text(report: dict[str, Any]) -> str:
    """An evaluation as a file: readable, with the people on one line."""
    told = json_format.dumps({key: value for key, value in report.items() if key != "people"}, indent=1)
    if "people" not in report:
        return told + "\n"
    return f'{told[:-2]},\n "people": {json_format.dumps(report["people"], separators=(",", ":"))}\n}}\n'


def _print(console: Any, title: str, numbers: dict[str, Any]) -> None:
    scores = {name: value for name, value in numbers.items() if isinstance(value, dict) and "counts" in value}
    if scores:
        console.print(_table(f"{title} (n = {numbers['n']})", scores))
    if numbers.get("protocols"):
        console.print(_protocols(numbers["protocols"]))
    if "mpii" in numbers:
        console.print("PCKh@0.5 %  " + "  ".join(f"{name} {_shown(name, value)}" for name, value in numbers["mpii"]["row"].items()))
        means = (("mean_14_joints", "mean of 14 joints"), ("pooled_16_joints", "16 joints in one pool"))
        console.print("  ".join(f"{told} {_interval_of('', numbers['mpii'][key])}" for key, told in means))
    if "boxes" in numbers:
        mse, iou, found = (numbers["boxes"][key] for key in ("mse", "iou", "iou@0.5"))
        told = f"square error {_interval_of('epe', mse)} px²  IoU % {_interval_of('', iou)}  IoU >= 0.5 % {_interval_of('', found)}"
        console.print(f"boxes (n = {numbers['boxes']['n']})  {told}")
    if "corners" in numbers:
        _print_corners(console, numbers["corners"])
    if "oks" in numbers:
        console.print("OKS  " + "  ".join(f"{name} {value:.3f}" if value is not None else f"{name} -" for name, value in numbers["oks"].items()))


def _table(title: str, scores: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("keypoint", min_width=max(len(keypoint) for keypoint in next(iter(scores.values()))["per_keypoint"]))
    for name in scores:
        table.add_column(f"{name}{' px' if name == 'epe' else ' %'}", justify="right")
    for keypoint in next(iter(scores.values()))["per_keypoint"]:
        table.add_row(keypoint, *(_shown(name, score["per_keypoint"][keypoint]) for name, score in scores.items()))
    for kind in ("groups", "sides"):
        table.add_section()
        for part in next(iter(scores.values())).get(kind, {}):
            table.add_row(part, *(_shown(name, score.get(kind, {}).get(part, {}).get("value")) for name, score in scores.items()))
    table.add_section()
    for row, key in (("mean over keypoints", "mean"), ("mean over all joints", "micro")):
        interval = "interval" if key == "mean" else "micro_interval"
        table.add_row(row, *(_with_interval(name, score[key], score[interval]) for name, score in scores.items()))
    table.add_row("people left out", *(str(score["left_out"]) for score in scores.values()))
    return table


def _protocols(measured: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table("protocol", "%", "left %", "right %", "n", title="further protocols", title_justify="left")
    for name, told in measured.items():
        sides = (_shown("", told["parts"].get(side, {}).get("value")) for side in ("left", "right"))
        table.add_row(name, _interval_of("", told), *sides, str(told["n"]))
    return table


def _print_corners(console: Any, corners: dict[str, Any]) -> None:
    shares = ", ".join(f"{_shown('', corners[key]['value'])} % of {told}" for key, told in (("labelled", "labelled"), ("missing", "missing")))
    origin = corners["at_origin"]
    warned = f"; {origin['labelled']} labelled keypoints lie at (0, 0): missing ones that claim to be there?" if origin["labelled"] else ""
    labels = f"{_shown('', corners['labels']['value'])} % of labels lie there"
    console.print(f"predictions in a corner of the square: {shares} keypoints ({labels}){warned}", soft_wrap=True)


def _interval_of(name: str, share: dict[str, Any]) -> str:
    return _with_interval(name, share["value"], share["interval"])


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if name == "epe" else f"{100 * value:.1f}"


def _with_interval(name: str, value: float | None, interval: tuple[float, float] | None) -> str:
    return _shown(name, value) + (f" ({_shown(name, interval[0])} to {_shown(name, interval[1])})" if interval else "")
