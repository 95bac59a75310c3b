"""Networks on the engine that `predict` and `serve` pick by themselves, on the other one, and in 8 bits, against eager PyTorch.

The same crops, raw outputs, the network alone. Hourglasses have weights as they start: what they cost does not depend on them.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from glasspose.benchmarks.inputs import data_root
from glasspose.benchmarks.options import Options
from glasspose.benchmarks.rounds import Row, in_turns, ratio
from glasspose.configs.codecs import Heatmap
from glasspose.configs.data import Data, DrawnPeople, Lspet
from glasspose.configs.models import Hourglass
from glasspose.data import read
from glasspose.engines import ENGINES, accelerate, load_weights
from glasspose.engines.choosing import TOLERANCE
from glasspose.engines.modules import RawModel
from glasspose.engines.onnx_graph import onnx_bytes
from glasspose.engines.packages import is_installed, optional
from glasspose.engines.sessions import OpenVinoSession
from glasspose.exporting import export
from glasspose.exporting.formats.openvino import quantised
from glasspose.exporting.pictures import people_crops
from glasspose.network import PoseNetwork
from glasspose.skeletons import MPII
from glasspose.structures import DEVIATION, MEAN

CPU = torch.device("cpu")
SHIPPED = "hourglass-tiny-lsp"
CALIBRATION = 8
"""Crops on which an hourglass with random weights is quantised."""


def engines(options: Options) -> list[Row]:
    """At batch 1 and 8: the engine of `auto`, which has the goals, and the others that are installed."""
    rows = []
    for name, network, goals in _networks(options):
        with _fresh_cache():
            picked = accelerate(network, "auto", CPU)
            others = {engine: accelerate(network, engine, CPU) for engine in ENGINES if is_installed(engine) and engine != _engine(picked)}
        ways = {_engine(picked): picked} | others
        rows += _compared("engines", name, network, ways, goals, _engine(picked), options, TOLERANCE)
    return rows


def int8(options: Options) -> list[Row]:
    """OpenVINO in 8 bits; the shipped network by `export`, which refuses to lose more than half a point of PCK. MissingError without nncf."""
    optional("openvino")
    optional("nncf")
    rows = []
    for name, network, _ in _networks(options):
        with TemporaryDirectory() as folder:
            told = ""
            if name.startswith(SHIPPED) and data_root() is not None and not options.quick:
                exported, told = _validated(Path(folder))
            else:
                exported = _in_8_bits(network, Path(folder))
            goals = {1: 2.5, 8: 2.5}
            rows += _compared("int8", name, network, {"openvino, 8 bits": exported}, goals, "openvino, 8 bits", options, None, told)
    return rows


def _networks(options: Options) -> Iterator[tuple[str, PoseNetwork, Mapping[int, float]]]:
    """(name, network, goal at each batch)."""
    if options.quick:
        yield "hourglass, 1 stack of 16 channels, 64 pixels", _hourglass(1, size=64, channels=16, depth=2), {1: 1.4, 8: 1.5}
        return
    yield f"{SHIPPED}, 128 pixels", load_weights(SHIPPED)[0], {}
    yield "hourglass, 1 stack, 256 pixels", _hourglass(1), {1: 1.4, 8: 1.5}
    yield "hourglass, 2 stacks, 256 pixels", _hourglass(2), {1: 1.5, 8: 1.5}


def _hourglass(stacks: int, size: int = 256, **smaller: int) -> PoseNetwork:
    torch.manual_seed(0)
    model: Any = {"input_size": (size, size), "stacks": stacks, **smaller}
    return PoseNetwork(Hourglass(**model), Heatmap(), MPII).eval()


def _compared(
    bench: str,
    name: str,
    network: PoseNetwork,
    ways: Mapping[str, PoseNetwork],
    goals: Mapping[int, float],
    ours: str,
    options: Options,
    bound: float | None,
    told: str = "",
) -> list[Row]:
    """A row for each batch and engine. Raw outputs further apart than `bound` are called different; None: they are stated alone."""
    rows = []
    for batch in (1, 8):
        images = torch.randn(batch, 3, *network.input_size, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            expected = network(images)
            apart = {way: float((other(images) - expected).abs().max()) for way, other in ways.items()}
            walks = {way: partial(other, images) for way, other in ({"PyTorch": network} | dict(ways)).items()}
            seconds = in_turns(walks, options.turns(7 if batch == 1 else 3), options.clock)
        for way in ways:
            same = f"raw outputs {apart[way]:.1e} apart" + (", DIFFERENT" if bound is not None and apart[way] > bound else "")
            by_itself = ", which `predict` picks" if bench == "engines" and way == ours else ""
            rows.append(
                Row(
                    name=bench,
                    baseline=f"eager PyTorch; {name}, batch {batch}; ours: {way}{by_itself}",
                    ratio=ratio(seconds, "PyTorch", way),
                    goal=goals.get(batch) if way == ours else None,
                    same="; ".join(part for part in (same, told) if part),
                )
            )
    return rows


def _engine(network: PoseNetwork) -> str:
    """What runs it."""
    return network.model.session.engine if isinstance(network.model, RawModel) else "PyTorch, no other engine"


@contextmanager
def _fresh_cache() -> Iterator[None]:
    """An export of this run, and nothing left behind."""
    before = os.environ.get("GLASSPOSE_CACHE")
    with TemporaryDirectory() as folder:
        os.environ["GLASSPOSE_CACHE"] = folder
        try:
            yield
        finally:
            os.environ.pop("GLASSPOSE_CACHE")
            if before is not None:
                os.environ["GLASSPOSE_CACHE"] = before


def _validated(folder: Path) -> tuple[PoseNetwork, str]:
    """The shipped network as `export --int8` writes it, calibrated on train and judged on val; what it lost."""
    data: Data = Lspet(root=(data_root() or Path()) / "lspet", split="val")
    found = export(SHIPPED, "openvino", folder / "int8.xml", int8=True, data=data).validation
    lost = "" if found is None else f"{100 * found.lost:.2f} points of {found.measure} lost on {found.people} people of {found.data}"
    return load_weights(folder / "int8.xml")[0], lost


def _in_8_bits(network: PoseNetwork, folder: Path) -> PoseNetwork:
    """The inside of a network, quantised on a few drawn people."""
    openvino = optional("openvino")
    people = read(DrawnPeople(count=CALIBRATION, folder=folder / "drawn")).annotations
    crops = torch.from_numpy(people_crops(people, network.input_size, network.framing)).permute(0, 3, 1, 2) / 255
    crops = (crops - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    graph = onnx_bytes(network.model, crops[:2], "images", ["raw"])
    openvino.save_model(quantised(openvino.Core().read_model(graph), crops.numpy()), str(folder / "int8.xml"), compress_to_fp16=False)
    return network.around(RawModel(OpenVinoSession(folder / "int8.xml", "int8")))
