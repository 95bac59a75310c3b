"""Some training steps in a process, or in several under torchrun: `-m glasspose.benchmarks.trainers FOLDER STEPS`.

The first one prints how many people it went through in a second, all processes together.
"""

import json
import sys
import time
from pathlib import Path

from glasspose.allocation import keep_freed_memory
from glasspose.configs.codecs import Heatmap
from glasspose.configs.data import DrawnPeople
from glasspose.configs.models import Hourglass
from glasspose.configs.training import Packing, Recipe

PEOPLE, BATCH, WARM = 128, 32, 2
MODEL = Hourglass(input_size=(128, 128), stacks=2, channels=64, depth=3, level_channels=(96, 128, 192))
"""That of the smallest weights that ship."""


def recipe(folder: Path, model: Hourglass = MODEL) -> Recipe:
    """Drawn people in batches of 32."""
    data = DrawnPeople(count=PEOPLE, folder=folder / "drawn")
    return Recipe(model=model, codec=Heatmap(), data=data, packing=Packing(size=model.input_size[0]), batch=BATCH)


def main() -> None:
    """The usual step of `training.py` over the usual loader."""
    keep_freed_memory()
    from glasspose.benchmarks.steps import steps_of

    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    walk = steps_of(recipe(folder), folder)
    for _ in range(WARM):
        next(walk)
    wall = time.perf_counter()
    for _ in range(count):
        fabric = next(walk)
    fabric.barrier()
    if fabric.is_global_zero:
        sys.stdout.write(json.dumps({"people a second": count * BATCH / (time.perf_counter() - wall)}) + "\n")


if __name__ == "__main__":
    main()
