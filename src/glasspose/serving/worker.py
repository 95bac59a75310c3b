"""The process that holds the network and opens pictures. It reads orders from a socket until that is closed, and never touches the network of wires.

A decoder that crashes on a hostile picture takes this process with it, and the service starts another.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from glasspose.errors import GlassposeError
from glasspose.images import LIMITS, Limits
from glasspose.serving.wire import Message, packed, read

Doing = Callable[[Message, list[bytes]], tuple[Message, list[bytes]]]


def work(channel: socket.socket, told: Mapping[str, Any]) -> None:
    """Load, say so, then answer until the service is gone. `told` holds the settings as plain data."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    if told["nice"]:
        os.nice(told["nice"])
    with channel, channel.makefile("rb") as stream, suppress(EOFError, OSError):  # the service is gone
        try:
            doing, about = _loaded(told)
        except GlassposeError as problem:
            _send(channel, {"failed": {"kind": type(problem).__name__, "message": problem.message, "remedy": problem.remedy}})
            return
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it may reach the whole group; the service decides when the work ends
        _send(channel, {"ready": about})
        while True:
            _send(channel, *doing(*read(stream.read)))


def _send(channel: socket.socket, message: Message, lumps: Sequence[bytes] = ()) -> None:
    for part in packed(message, lumps):
        channel.sendall(part)


def _loaded(told: Mapping[str, Any]) -> tuple[Doing, Message]:
    import torch

    torch.set_num_threads(told["threads"])
    limits = Limits(pixels=told["max_pixels"] or LIMITS.pixels, bytes=told["max_bytes"])
    return _explaining(told, limits) if told["kind"] == "explain" else _finding(told, limits)


def _finding(told: Mapping[str, Any], limits: Limits) -> tuple[Doing, Message]:
    import numpy as np

    from glasspose.prediction import default_weights, load
    from glasspose.serving.answering import answer

    name = told["weights"] or default_weights()
    predictor = load(name, device=told["device"], flip_test=told["flip_test"], batch=told["batch"])
    height, width = predictor.network.input_size
    for count in (1, told["batch"]):  # the first call of each size is the slowest
        predictor.predict_batch([np.zeros((height, width, 3), np.uint8)] * count)

    def find(message: Message, pictures: list[bytes]) -> tuple[Message, list[bytes]]:
        answers = answer(predictor, message["orders"], pictures, limits)
        return {"answers": [dict(found.told) for found in answers]}, [found.picture for found in answers]

    skeleton = predictor.skeleton
    about = {
        "name": Path(name).name,
        "device": predictor.device.type,
        "skeleton": skeleton.name,
        "keypoints": list(skeleton.keypoints),
        "limbs": [list(limb) for limb in skeleton.limbs],
        "pairs": [list(pair) for pair in skeleton.pairs],
        "input": [height, width],
    }
    return find, about


def _explaining(told: Mapping[str, Any], limits: Limits) -> tuple[Doing, Message]:
    from glasspose.prediction import default_weights
    from glasspose.serving.explaining import Explainer

    explainer = Explainer(told["weights"] or default_weights(), limits)

    def explain(message: Message, pictures: list[bytes]) -> tuple[Message, list[bytes]]:
        found = explainer.answer(message["orders"][0], pictures[0])
        return {"answers": [dict(found.told)]}, [found.picture]

    return explain, {}
