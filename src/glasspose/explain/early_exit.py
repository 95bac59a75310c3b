"""What each stack of a network is worth: the accuracy of its own answer, and the price of getting there.

Letters: N people, S stacks, K keypoints.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from glasspose.explain.sample import Sample
from glasspose.explain.subject import Subject, Told, judged
from glasspose.metrics.scores import Interval
from glasspose.metrics.significance import mean_interval

RUNS = 5


@dataclass(frozen=True, kw_only=True)
class Exit:
    """One stack."""

    stack: int
    """Counted from 1."""
    pck: float | None
    pck_interval: Interval | None
    gain: float | None
    """More than the stack before, on the same people."""
    gain_interval: Interval | None
    gigaflops: float
    """Up to and with this stack, two for each multiplication and addition of convolutions and products."""
    milliseconds: float
    """Of this machine, and so in no JSON."""

    def numbers(self) -> dict[str, Any]:
        """What is the same on every machine."""
        kept = ("stack", "pck", "pck_interval", "gain", "gain_interval", "gigaflops")
        return {name: getattr(self, name) for name in kept}


class _StopHereError(Exception):
    """Raised once a stack has answered."""


def exits(asked: Subject, sample: Sample) -> list[Exit]:
    """One for each stack."""
    hits = _hits(asked, sample)
    made: list[Exit] = []
    for s in range(len(hits)):
        values, groups = hits[s], sample.image_ids[judged(sample).any(1)]
        gain = values - hits[s - 1] if s else None
        some = len(values) > 0
        made.append(
            Exit(
                stack=s + 1,
                pck=float(values.mean()) if some else None,
                pck_interval=mean_interval(values, groups=groups),
                gain=float(gain.mean()) if gain is not None and some else None,
                gain_interval=None if gain is None else mean_interval(gain, groups=groups),
                gigaflops=_flops(asked, s) / 1e9,
                milliseconds=_milliseconds(asked, s),
            )
        )
    return made


def _hits(asked: Subject, sample: Sample) -> list[np.ndarray]:
    """Each judged person's share of hits, for every stack."""
    parts: list[list[np.ndarray]] = []
    for _, images in sample.batches():
        with torch.inference_mode():
            answers = asked.network.answers(images)
            parts.append([asked.network.codec.decode(answers[:, s])[0].double().numpy() for s in range(answers.shape[1])])
    counted = judged(sample)
    people = counted.any(1)
    found = []
    for s in range(len(parts[0])):
        keypoints = np.concatenate([part[s] for part in parts])
        right = Told(keypoints=keypoints, scores=np.zeros(keypoints.shape[:2])).hits(sample) & counted
        found.append((right.sum(1) / np.maximum(counted.sum(1), 1))[people])
    return found


def _until(asked: Subject, stack: int) -> None:
    """One empty picture up to a stack's features (the head on top is a small 1 x 1 convolution); all of it where these are not named."""
    place = asked.taps().get(f"stack{stack}.features")

    def stop(module: nn.Module, given: object, output: Tensor) -> None:
        raise _StopHereError

    handle = None if place is None else place.register_forward_hook(stop)
    try:
        with torch.inference_mode():
            asked.network(torch.zeros(1, 3, *asked.size))
    except _StopHereError:
        pass
    finally:
        if handle is not None:
            handle.remove()


def _flops(asked: Subject, stack: int) -> float:
    with FlopCounterMode(display=False) as counter:
        _until(asked, stack)
    return float(counter.get_total_flops())


def _milliseconds(asked: Subject, stack: int) -> float:
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        _until(asked, stack)
        times.append(1000 * (time.perf_counter() - begun))
    return float(np.median(times))
