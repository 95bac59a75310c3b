"""Run cells of docs/results.md: train (or go on), measure on the validation split, keep one JSON each in docs/results/experiments.

python experiments/run.py --data $GLASSPOSE_DATA                          # every cell that has no result yet, seed 0
python experiments/run.py --data $GLASSPOSE_DATA --cells newell-1 newell-2 --seeds 0 1 2
python experiments/run.py --data $GLASSPOSE_DATA --size full --seeds 0 1 2        # 256 px, 256 channels: for a GPU
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from cells import CELLS, Cell

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs/results/experiments"


def run(cell: Cell, seed: int, size: str, data: Path, runs: Path, packs: Path) -> None:
    """Train and measure one cell with one seed."""
    out = runs / f"{cell.name}-{size}-seed{seed}"
    begun = time.monotonic()
    train = _train(cell, seed, size, data, runs, packs, out) if cell.trains else []
    if train:
        _call(train)
    seconds = time.monotonic() - begun
    weights = (out if cell.trains else runs / f"{cell.init}-{size}-seed{seed}") / "best.safetensors"
    result = out / "evaluation.json"
    heads = ["--data.skeleton", "head_box"] if cell.heads else []
    named = ["--data.kind", cell.measured, "--data.root", str(data / cell.measured), "--data.split", "val"]
    evaluate = ["evaluate", str(weights), *named, *heads, *cell.evaluate]
    _call([*evaluate, "--keep", "--json", str(result)])
    evaluation = json.loads(result.read_text())
    kept = {
        "format": "glasspose.experiment",
        "version": 1,
        "cell": cell.name,
        "seed": seed,
        "size": size,
        "command": _shown(train, data, runs, packs),
        "evaluate": _shown(evaluate, data, runs, packs),
        "seconds": round(seconds) if train and "--resume" not in train else None,
        "hardware": _hardware(),
        "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip(),
        "log": (out / "log.csv").read_text().splitlines() if cell.trains else [],
        "parameters": _parameters(weights),
        "people": hits(evaluation.pop("people")),
        "evaluation": evaluation,
    }
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


def _train(cell: Cell, seed: int, size: str, data: Path, runs: Path, packs: Path, out: Path) -> list[str]:
    words = [
        "train",
        cell.recipe,
        *kind_of(cell),
        "--data.root",
        str(data / cell.learns),
        "--out",
        str(out),
        "--packs",
        str(packs),
        "--seed",
        str(seed),
    ]
    words += cell.words(size)
    if cell.init:
        words += ["--init", str(runs / f"{cell.init}-{size}-seed{seed}" / "best.safetensors")]
    return words + (["--resume"] if any(out.glob("*.ckpt")) else [])


def kind_of(cell: Cell) -> list[str]:
    """The recipes name LSPET."""
    return [] if cell.learns == "lspet" else ["--data.kind", cell.learns]


def _call(words: list[str]) -> None:
    print("glasspose", *words, flush=True)
    subprocess.run([sys.executable, "-m", "glasspose", *words], cwd=ROOT, check=True)


def _shown(words: list[str], data: Path, runs: Path, packs: Path) -> str:
    """The command as anybody would type it."""
    text = " ".join(["glasspose", *words]) if words else ""
    return text.replace(str(data), "$GLASSPOSE_DATA").replace(str(runs), "runs").replace(str(packs), "packs").replace(" --resume", "")


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
    asked = parser.parse_args()
    for name in asked.cells:
        cell = next(cell for cell in CELLS if cell.name == name)
        for seed in asked.seeds:
            if not _place(cell, seed, asked.size).exists():
                run(cell, seed, asked.size, asked.data, asked.runs, asked.packs)


if __name__ == "__main__":
    main()
