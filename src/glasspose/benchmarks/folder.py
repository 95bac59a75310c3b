"""`predict` on a folder of JPEGs from end to end, against the plain loop over the same weights; each walk in a process of its own."""

import json
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from glasspose.benchmarks.fresh import told_by
from glasspose.benchmarks.inputs import data_root, jpegs
from glasspose.benchmarks.options import Options, cores
from glasspose.benchmarks.rounds import Row, ratio, told_in_turns

PICTURES = 1000


def predict(options: Options) -> list[Row]:
    """Overlays and JSON of 1,000 pictures, two passes with the flip test. In CPU time on one thread, in wall time on all of them."""
    count = options.some(PICTURES, 6) if options.threads == "all" else options.some(200, 6)
    with TemporaryDirectory() as named:
        work = Path(named)
        pictures = folder_of(count, work / "pictures", work)
        fewer = folder_of(max(count // 4, 2), work / "fewer", work)
        walks: dict[str, list[dict[str, Any]]] = {"plain": [], "ours": []}
        clock = "cpu" if options.threads == "one" else "wall"

        def walk(how: str) -> float:
            walks[how].append(told(how, pictures, work / f"{how}{len(walks[how])}", options))
            return float(walks[how][-1][clock])

        seconds = told_in_turns({how: partial(walk, how) for how in walks}, options.turns(3))
        same = agreement(work / "plain0", work / "ours0")
        small = told("ours", fewer, work / "small", options)
    peaks = {how: round(max(one["peak_mib"] for one in told_of)) for how, told_of in walks.items()}
    kind = "photographs of LSPET" if data_root() else "drawn people"
    per_picture = {how: round(1000 * float(np.median(values)) / count, 2) for how, values in seconds.items()}
    more = {"pictures": count, "peak MiB": peaks, "ms a picture": per_picture, "clock": clock}
    more |= {"peak MiB of ours for a quarter of the pictures": round(small["peak_mib"])}
    described = f"plain loop over the same weights; {count:,} JPEGs ({kind})"
    return [Row(name="predict", baseline=described, ratio=ratio(seconds, "plain", "ours"), goal=3.0, same=same, more=more)]


def folder_of(count: int, folder: Path, work: Path) -> Path:
    """So many pictures, as links."""
    folder.mkdir()
    known = jpegs(count, work)
    for i in range(count):
        (folder / f"{i:06d}.jpg").symlink_to(known[i % len(known)])
    return folder


def told(how: str, pictures: Path, out: Path, options: Options) -> dict[str, Any]:
    """One walk, as a user's first: what it exports for an engine, it exports itself."""
    threads = 1 if options.threads == "one" else cores()
    command = [sys.executable, "-m", "glasspose.benchmarks.walkers", how, str(pictures), str(out)]
    with TemporaryDirectory() as cache:
        cost: dict[str, Any] = json.loads(told_by(command, threads, {"GLASSPOSE_CACHE": cache}).splitlines()[-1])
    return cost


def agreement(one: Path, other: Path) -> str:
    """How far the keypoints of two walks are apart."""
    apart, people = [0.0], 0
    for path in sorted(one.glob("*.pose.json")):
        a, b = (json.loads((folder / path.name).read_text())["people"] for folder in (one, other))
        if len(a) != len(b):
            return f"DIFFERENT people in {path.name}"
        people += len(a)
        for x, y in zip(a, b, strict=True):
            pairs = zip(x["keypoints"].values(), y["keypoints"].values(), strict=True)
            apart += [float(np.hypot(p["x"] - q["x"], p["y"] - q["y"])) for p, q in pairs if p["seen"]]
    return f"{people} people; seen keypoints at most {max(apart):.2g} pixels apart, {100 * np.mean(np.array(apart) > 0.1):.2g} % above 0.1"
