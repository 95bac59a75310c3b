"""Run cells of docs/results.md: train (or go on), measure on the validation split, keep one JSON each in docs/results/experiments.

python experiments/run.py --data $GLASSPOSE_DATA                          # every cell that has no result yet, seed 0
python experiments/run.py --data $GLASSPOSE_DATA --cells newell-1 newell-2 --seeds 0 1 2
python experiments/run.py --data $GLASSPOSE_DATA --size full --seeds 0 1 2        # 256 px, 256 channels: for a GPU
python experiments/run.py --data $GLASSPOSE_DATA --again                          # measure once more what was trained, with its times kept
"""

import argparse
import csv
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from cells import CELLS, Cell

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results/experiments"


def run(cell: Cell, seed: int, size: str, data: Path, runs: Path, packs: Path) -> None:
    """Train and measure one cell with one seed."""
    out = runs / f"{cell.name}-{size}-seed{seed}"
    if cell.trains:
        train = train_words(cell, seed, size, data, runs, packs)
        with _timed(out):
            _call(train + (["--resume"] if any(out.glob("*.ckpt")) else []))
        told = {"command": _shown(train, data, runs, packs), "seconds": _seconds(out), "log": (out / "log.csv").read_text().splitlines()}
    else:
        told = {"command": "", "seconds": None, "log": []}
    _keep(cell, seed, size, told | {"hardware": _hardware()} | measured(cell, seed, size, data, runs, packs))


def again(cell: Cell, seed: int, size: str, data: Path, runs: Path, packs: Path) -> None:
    """Measure once more what is trained already; what was noted of its training stays."""
    kept = json.loads(_place(cell, seed, size).read_text())
    stays = {key: kept[key] for key in ("command", "seconds", "log", "hardware")}
    _keep(cell, seed, size, stays | measured(cell, seed, size, data, runs, packs))


def measured(cell: Cell, seed: int, size: str, data: Path, runs: Path, packs: Path) -> dict[str, Any]:
    """What `evaluate` says of the cell's weights."""
    words = evaluate_words(cell, seed, size, data, runs)
    if cell.explains:
        return _explained(words, runs / f"{cell.name}-{size}-seed{seed}", data, runs, packs)
    result = runs / f"{cell.name}-{size}-seed{seed}" / "evaluation.json"
    _call([*words, "--keep", "--json", str(result)])
    evaluation = json.loads(result.read_text())
    return {
        "evaluate": _shown(words, data, runs, packs),
        "commit": _commit(),
        "parameters": _parameters(Path(words[1])),
        "people": hits(evaluation.pop("people")),
        "evaluation": evaluation,
    }


def _explained(words: list[str], out: Path, data: Path, runs: Path, packs: Path) -> dict[str, Any]:
    """The rows of `explain skips` with every skip gone, by what stands in their place."""
    _call([*words, "--out", str(out)])
    with (out / "skips-effects.csv").open() as file:
        rows = list(csv.DictReader(file))
    every = max((row["branches"] for row in rows), key=lambda name: name.count("+"))
    lost = {row["mode"]: row["PCK@0.2 lost, points"] for row in rows if row["branches"] == every}
    told = {"evaluate": _shown(words, data, runs, packs), "commit": _commit(), "parameters": _parameters(Path(words[2]))}
    return told | {"people": {}, "evaluation": {"lost": lost, "branches": every}}


def _commit() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _keep(cell: Cell, seed: int, size: str, told: dict[str, Any]) -> None:
    order = ("command", "evaluate", "seconds", "hardware", "commit", "log", "parameters", "people", "evaluation")
    kept = {"format": "glasspose.experiment", "version": 1, "cell": cell.name, "seed": seed, "size": size} | {key: told[key] for key in order}
    RESULTS.mkdir(parents=True, exist_ok=True)
    lists = {key: json.dumps(kept["people"].pop(key), separators=(",", ":")) for key in list(kept["people"])}
    text = json.dumps(kept | {"people": dict.fromkeys(lists, None)}, indent=1)
    for key, listed in lists.items():
        text = text.replace(f'"{key}": null', f'"{key}": {listed}', 1)
    _place(cell, seed, size).write_text(text + "\n")


def hits(people: dict[str, Any]) -> dict[str, list[int]]:
    """For everybody the keypoints that were right by PCK@0.2 and those that were asked: what a paired interval needs."""
    rows = people["scores"]["pck@0.2"]["hits"]  # one sign a keypoint
    return {"image_ids": people["image_ids"], "hits": [row.count("1") for row in rows], "asked": [len(row) - row.count("-") for row in rows]}


def train_words(cell: Cell, seed: int, size: str, data: Path, runs: Path, packs: Path) -> list[str]:
    """The command that trains a cell."""
    words = [
        "train",
        cell.recipe,
        *kind_of(cell),
        "--data.root",
        str(data / cell.learns),
        "--out",
        str(runs / f"{cell.name}-{size}-seed{seed}"),
        "--packs",
        str(packs),
        "--seed",
        str(seed),
    ]
    words += cell.words(size)
    if cell.init:
        words += ["--init", str(runs / f"{cell.init}-{size}-seed{seed}" / "best.safetensors")]
    return words


def evaluate_words(cell: Cell, seed: int, size: str, data: Path, runs: Path) -> list[str]:
    """The command that measures it."""
    weights = runs / f"{cell.name if cell.trains else cell.init}-{size}-seed{seed}" / "best.safetensors"
    named = ["--data.kind", cell.measured, "--data.root", str(data / cell.measured), "--data.split", "val"]
    if cell.explains:
        return ["explain", "skips", str(weights), *named, "--n", "500"]
    heads = ["--data.skeleton", "head_box"] if cell.heads else []
    counted = ["--protocols", ",".join(cell.protocols)] if cell.protocols else []
    return ["evaluate", str(weights), *named, *heads, *counted, *cell.evaluate]


def commands(cell: Cell, size: str, seed: int = 0) -> list[str]:
    """What makes a cell, as anybody would type it."""
    data, runs, packs = Path("DATA"), Path("runs"), Path("packs")
    made = [train_words(cell, seed, size, data, runs, packs)] if cell.trains else []
    return [_shown(words, data, runs, packs) for words in (*made, evaluate_words(cell, seed, size, data, runs))]


@contextmanager
def _timed(out: Path) -> Iterator[None]:
    """Note the seconds of this part of a run beside those of the parts before, where all of them were noted."""
    known, begun = not any(out.glob("*.ckpt")) or (out / "seconds.json").exists(), time.monotonic()
    try:
        yield
    finally:
        if known and out.is_dir():
            before = json.loads((out / "seconds.json").read_text()) if (out / "seconds.json").exists() else 0.0
            (out / "seconds.json").write_text(json.dumps(before + time.monotonic() - begun))


def _seconds(out: Path) -> int | None:
    return round(json.loads((out / "seconds.json").read_text())) if (out / "seconds.json").exists() else None


def kind_of(cell: Cell) -> list[str]:
    """The recipes name LSPET."""
    return [] if cell.learns == "lspet" else ["--data.kind", cell.learns]


def _call(words: list[str]) -> None:
    print("glasspose", *words, flush=True)
    subprocess.run([sys.executable, "-m", "glasspose", *words], cwd=ROOT, check=True)


def _shown(words: list[str], data: Path, runs: Path, packs: Path) -> str:
    """The command as anybody would type it."""
    text = " ".join(["glasspose", *words]) if words else ""
    return text.replace(str(data), "$GLASSPOSE_DATA").replace(str(runs), "runs").replace(str(packs), "packs")


def _hardware() -> str:
    if torch.cuda.is_available():
        return f"one {torch.cuda.get_device_name()}"
    threads = torch.get_num_threads()
    return f"{threads} CPU core{'s' * (threads > 1)} ({platform.machine()}), shared with other work"


def _parameters(weights: Path) -> int:
    from glasspose.checkpoint import load_weights

    return sum(parameter.numel() for parameter in load_weights(weights)[0].model.parameters())


def _place(cell: Cell, seed: int, size: str) -> Path:
    return RESULTS / f"{cell.name}-{size}-seed{seed}.json"


def main() -> None:
    """Run what has no result yet, in the order of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cells", nargs="*", default=[cell.name for cell in CELLS])
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--size", choices=("small", "full"), default="small")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("--packs", type=Path, default=ROOT / "packs")
    parser.add_argument("--again", action="store_true")
    asked = parser.parse_args()
    for name in asked.cells:
        cell = next(cell for cell in CELLS if cell.name == name)
        for seed in asked.seeds:
            there, where = _place(cell, seed, asked.size).exists(), (seed, asked.size, asked.data, asked.runs, asked.packs)
            if asked.size == "small" and cell.small is None:
                continue
            if not there:
                run(cell, *where)
            elif asked.again:
                again(cell, *where)


if __name__ == "__main__":
    main()
