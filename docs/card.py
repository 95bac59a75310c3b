"""Ship a run: weights in half precision with their card, measured on val and test, and the numbers as JSON under docs/results.

python docs/card.py RUN NAME RECIPE     (GLASSPOSE_DATA names the data; test is reported once for each model that ships)
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from glasspose.checkpoint import SHIPPED, load_weights, save_weights
from glasspose.configs.data import Lspet
from glasspose.evaluation import evaluate

RESULTS = Path(__file__).parent / "results"
LEARNT = {"lsp": {"lspet/train": 8000, "coco/train (derived neck and head top)": 367}}
"""By skeleton; a network of head boxes learnt from whom its run says."""
KEPT = ("n", "images", "pck@0.2", "pck@0.1", "pckh@0.5", "auc", "epe")


def ship(run: Path, name: str, recipe: str) -> None:
    network, trained = load_weights(run / "best.safetensors")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    card = {
        "training": {
            "recipe": recipe,
            "commit": commit,
            "epoch": trained["epoch"],
            "data": LEARNT.get(network.skeleton.name, {"lspet/train with neck and head top": trained["training"]["people"]}),
        },
        "licence": "Apache-2.0 as far as we can grant it; trained on photographs from Flickr, gathered for research (docs/weights.md)",
        "intended_use": "One person in an ordinary photograph, whole or in part. Not for identifying people or deciding about them.",
        "known_skew": "Mostly young athletes; left and right are sometimes exchanged in the training labels (docs/weights.md).",
        "calibration": trained["calibration"],
        "scores": {},
    }
    save_weights(SHIPPED / f"{name}.safetensors", network, card)
    for split in ("val", "test"):
        asked = "head_box" if network.skeleton.name == "head_box" else "labelled"
        report = evaluate(name, Lspet(root=Path(os.environ["GLASSPOSE_DATA"]) / "lspet", split=split, skeleton=asked))
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.lspet-{split}.json").write_text(json.dumps(report, indent=1) + "\n")
        card["scores"][f"lspet/{split}"] = {"crop from labels": _kept(report), "two passes": _kept(report["two_pass"])}
    save_weights(SHIPPED / f"{name}.safetensors", network, card)


def _kept(report: dict) -> dict:
    return {key: report[key] for key in (*KEPT, "boxes") if key in report}


if __name__ == "__main__":
    ship(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
