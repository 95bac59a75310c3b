"""How far the page's keypoints lie from predict's, and how long it takes: `python benchmarks/page.py SITE PICTURE...`.

SITE is the folder that `make page` builds. The second visit is measured, on several threads.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from glasspose.prediction import load
from page_for_tests import WEIGHTS, answered, browser, driving, hosted, opened


def shifts(told: dict[str, Any], wanted: dict[str, Any]) -> Iterator[float]:
    """Of every keypoint that predict sees, in pixels of the picture."""
    for mine, other in zip(told["people"], wanted["people"], strict=True):
        for name, point in other["keypoints"].items():
            if point["seen"]:
                yield float(np.hypot(mine["keypoints"][name]["x"] - point["x"], mine["keypoints"][name]["y"] - point["y"]))


def measured(site: Path, pictures: list[Path]) -> None:
    predictor = load(WEIGHTS, device="cpu", engine="torch")
    found, times = [], []
    with hosted(site) as address, driving() as driver, browser(driver) as started, opened(started, address) as tab:
        tab.reload()
        tab.wait_for_selector("body[data-ready]")
        print(tab.inner_text("#where"))
        for path in pictures:
            found += shifts(answered(tab, path), predictor.predict(path).to_json())
            print(path.name, f"{found[-1] if found else 0:.3f}", flush=True)
            times.append(int(re.search(r"\((\d+) ms\)", tab.inner_text("#status"))[1]))
    print(f"{len(pictures)} pictures, {len(found)} keypoints seen: largest shift {max(found):.3f} px, median {np.median(found):.3f} px")
    print(f"median {np.median(times):.0f} ms a picture, two passes with flip test")


if __name__ == "__main__":
    measured(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
