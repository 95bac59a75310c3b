"""How much faster engines run networks than PyTorch does: `python benchmarks/engines.py [--json FILE]`.

One thread, CPU time of the process, all engines in turns; ratios are medians of each round's. Hourglasses have weights as they start: speed does
not depend on them, and PCK is measured elsewhere (`glasspose export --int8`).
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from glasspose.checkpoint import load_weights
from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Hourglass
from glasspose.engines import ENGINES, accelerate
from glasspose.engines.modules import RawModel
from glasspose.engines.onnx_graph import onnx_bytes
from glasspose.engines.sessions import OpenVinoSession
from glasspose.exporting.formats.openvino import quantised
from glasspose.network import PoseNetwork
from glasspose.skeletons import MPII

CPU = torch.device("cpu")


def subjects():
    yield "hourglass-tiny-lsp, 128 px", load_weights("hourglass-tiny-lsp")[0], 9
    for stacks, rounds in ((1, 5), (2, 5)):
        torch.manual_seed(0)
        network = PoseNetwork(Hourglass(input_size=(256, 256), stacks=stacks), Heatmap(), MPII).eval()
        yield f"hourglass, {stacks} stack{'s' * (stacks > 1)}, 256 px", network, rounds


def in_8_bits(network, calibration):
    """The inside of the network, quantised by nncf on a few crops."""
    import openvino

    graph = onnx_bytes(network.model, calibration[:2], "images", ["raw"])
    model = quantised(openvino.Core().read_model(graph), calibration.numpy())
    folder = Path("/tmp") / "glasspose-bench"
    folder.mkdir(exist_ok=True)
    openvino.save_model(model, str(folder / "int8.xml"), compress_to_fp16=False)
    return network.around(RawModel(OpenVinoSession(folder / "int8.xml", "int8")))


def ratios(seconds):
    base = np.array(seconds["torch"])
    return {name: [round(float(v), 2) for v in np.percentile(base / np.array(own), (50, 25, 75))] for name, own in seconds.items()}


def measured(network, others, batch, rounds):
    images = torch.randn(batch, 3, *network.input_size, generator=torch.Generator().manual_seed(0))
    ways = {"torch": network, **others}
    seconds = {name: [] for name in ways}
    with torch.inference_mode():
        expected = network(images)
        apart = {name: float((other(images) - expected).abs().max()) for name, other in others.items()}
        for number in range(rounds):
            order = list(ways)[number % len(ways) :] + list(ways)[: number % len(ways)]
            for name in order:
                start = time.process_time()
                ways[name](images)
                seconds[name].append(time.process_time() - start)
    return {"ratio: median, quartiles": ratios(seconds), "largest difference": {name: float(f"{v:.1e}") for name, v in apart.items()}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    target = parser.parse_args().json
    torch.set_num_threads(1)
    found = {"torch": torch.__version__, "threads": 1}
    for name, network, rounds in subjects():
        calibration = torch.randn(8, 3, *network.input_size, generator=torch.Generator().manual_seed(1))
        others = {engine: accelerate(network, engine, CPU) for engine in ENGINES}
        others["openvino int8"] = in_8_bits(network, calibration)
        for batch in (1, 8):
            found[f"{name}, batch {batch}"] = told = measured(network, others, batch, rounds if batch == 1 else 3)
            print(name, "batch", batch, json.dumps(told), flush=True)
    if target:
        target.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
