"""One training step and one `predict`: where the time goes. On one thread, in CPU time."""

import time
from importlib import import_module
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from glasspose.benchmarks.folder import folder_of
from glasspose.benchmarks.options import Options
from glasspose.benchmarks.rounds import Row
from glasspose.benchmarks.stopwatch import Stopwatch, replaced


def profile(options: Options) -> list[Row]:
    """Shares of the whole, largest first."""
    with TemporaryDirectory() as folder:
        step, operators = training_step(Path(folder), options.some(6, 1))
        whole = predicting(Path(folder), options.some(64, 4))
    return [
        Row(name="profile", baseline="a training step of 32 people (2 stacks, 64 channels, 128 pixels)", ratio=None, more={"shares": step}),
        Row(name="profile", baseline="forward and backward pass of that step, by operator", ratio=None, more={"shares": operators}),
        Row(name="profile", baseline="predict on a folder of JPEGs, two passes with flip test", ratio=None, more={"shares": whole}),
    ]


def training_step(folder: Path, steps: int) -> tuple[dict[str, float], dict[str, float]]:
    """Shares by part, and of the network by operator."""
    import torch
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiled

    from glasspose import training
    from glasspose.benchmarks import steps as walking
    from glasspose.benchmarks.trainers import recipe
    from glasspose.data import loading
    from glasspose.network import Learner

    watch = Stopwatch()
    samples = loading.PackedPeople
    places: dict[tuple[Any, str], Any] = {
        (samples, "__getitem__"): watch.watch("samples: affine map, colours, occlusion", samples.__getitem__),
        (loading, "collate"): watch.watch("batches: stacking, normalising", loading.collate),
        (Learner, "forward"): watch.watch("forward pass, targets and loss", Learner.forward),
        (training, "_count"): watch.watch("training PCK of every stack", training._count),
    }
    places[torch.Tensor, "backward"] = watch.watch("backward pass", torch.Tensor.backward)
    places[torch.optim.AdamW, "step"] = watch.watch("optimiser", torch.optim.AdamW.step)
    with replaced(places):
        walk = walking.steps_of(recipe(folder), folder)
        next(walk)
        watch.seconds.clear()
        start = time.process_time()
        list(islice(walk, steps))
        total = time.process_time() - start
    with profiled(activities=[ProfilerActivity.CPU]) as found:
        next(walk)
    kinds = {event.key.removeprefix("aten::"): event.self_cpu_time_total for event in found.key_averages() if event.key.startswith("aten::")}
    largest = dict(sorted(kinds.items(), key=lambda item: -item[1])[:8])
    operators = {name: round(value / sum(kinds.values()), 4) for name, value in largest.items()}
    return watch.shares(total, "everything else"), operators | {"all other operators": round(1 - sum(operators.values()), 4)}


def predicting(folder: Path, count: int) -> dict[str, float]:
    """Shares by part."""
    from glasspose import streaming
    from glasspose.benchmarks.whole_folder import predict_folder
    from glasspose.prediction import load

    watch, results, prediction = Stopwatch(), _module("results"), _module("prediction")

    predictor: Any = load("hourglass-tiny-lsp", device="cpu")
    model, codec = predictor.network.model, predictor.network.codec
    places: dict[tuple[Any, str], Any] = {
        (model, "forward"): watch.watch("network", model.forward),
        (codec, "decode"): watch.watch("maps to keypoints (DARK)", codec.decode),
        (streaming, "_load"): watch.watch("reading and decoding JPEGs", streaming._load),
        (prediction, "warp"): watch.watch("cutting out", prediction.warp),
        (prediction, "normalise"): watch.watch("normalising", prediction.normalise),
        (results, "draw_poses"): watch.watch("drawing", results.draw_poses),
        (results, "save_image"): watch.watch("encoding and writing overlays", results.save_image),
        (results, "write_atomically"): watch.watch("writing JSON", results.write_atomically),
    }
    pictures = folder_of(count, folder / "pictures", folder)
    with replaced(places):
        predict_folder(predictor, pictures, folder / "warm")
        watch.seconds.clear()
        start = time.process_time()
        predict_folder(predictor, pictures, folder / "out")
        return watch.shares(time.process_time() - start, "everything else")


def _module(name: str) -> Any:
    """To exchange what it has imported."""
    return import_module(f"glasspose.{name}")
