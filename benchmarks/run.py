"""How fast this machine trains and predicts: `make bench`. Medians, with their quartiles; nothing here is a test."""

import json
import time
from collections.abc import Callable

import numpy as np
import torch

from glasspose.configs.models import Hourglass
from glasspose.models import build_model
from glasspose.prediction import load

ROUNDS = 15


def rate(work: Callable[[], object], count: int) -> dict[str, float]:
    """Items a second."""
    seconds = []
    for _ in range(ROUNDS + 2):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    low, middle, high = np.percentile(count / np.array(seconds[2:]), (25, 50, 75))
    return {"median": round(float(middle), 1), "quartiles": [round(float(low), 1), round(float(high), 1)]}


def training_step() -> Callable[[], object]:
    """One step of the tiny network's recipe: 32 people at 128 pixels."""
    config = Hourglass(input_size=(128, 128), depth=3, channels=64, level_channels=(96, 128, 192))
    model = build_model(config, 14).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), fused=True)
    images = torch.randn(32, 3, 128, 128).to(memory_format=torch.channels_last)

    def step() -> None:
        optimiser.zero_grad()
        model(images).square().mean().backward()
        optimiser.step()

    return step


def main() -> None:
    predictor = load()
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    numbers = {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "training step, people/s": rate(training_step(), 32),
        "predict one 640 x 480 picture, two passes with flip test, pictures/s": rate(lambda: predictor.predict(picture), 1),
        "the same, 16 at once": rate(lambda: predictor.predict_batch([picture] * 16), 16),
    }
    print(json.dumps(numbers, indent=1))


if __name__ == "__main__":
    main()
