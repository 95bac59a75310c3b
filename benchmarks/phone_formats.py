"""How long files for phones take here against PyTorch: `python benchmarks/phone_formats.py executorch|litert FILE [WEIGHTS] [--json FILE]`.

In the environment of the form (`make export-executorch`, `make export-litert`). From 8-bit crops to keypoints, CPU time of the process over all
its threads, PyTorch on one thread, in turns; ratios are medians of each round's. It is the CPU of a computer: phones are something else.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from glasspose.checkpoint import load_weights
from glasspose.exporting.formats.executorch import ExecuTorch
from glasspose.exporting.formats.litert import LiteRt
from glasspose.exporting.graph import Pipeline
from glasspose.exporting.pictures import default_crops

FORMS = {"executorch": (ExecuTorch, "executorch"), "litert": (LiteRt, "ai-edge-litert")}
ROUNDS, WARM = 25, 3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("form", choices=FORMS)
    parser.add_argument("file", type=Path)
    parser.add_argument("weights", nargs="?", default="hourglass-tiny-lsp")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    network = load_weights(asked.weights)[0].eval()
    pipeline, crops = Pipeline(network), default_crops(network.input_size)
    form, package = FORMS[asked.form]
    ways = {"torch": lambda images: pipeline(torch.from_numpy(images)), asked.form: form(asked.file.parent, asked.file.stem).runner()}
    found = {"torch": torch.__version__, package: version(package), "weights": asked.weights}
    for batch in (1, 8):
        seconds = {name: [] for name in ways}
        with torch.inference_mode():
            for number in range(ROUNDS):
                for name in sorted(ways, reverse=bool(number % 2)):
                    start = time.process_time()
                    ways[name](crops[:batch])
                    seconds[name].append(time.process_time() - start)
        each = (np.array(seconds[name][WARM:]) for name in ways)
        ratios = np.divide(*each)
        found[f"batch {batch}"] = [round(float(v), 2) for v in np.percentile(ratios, (50, 25, 75))]
    print(json.dumps(found))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
