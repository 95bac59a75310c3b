"""A network and a recipe that train in seconds."""

from glasspose.configs.data import DrawnPeople
from glasspose.configs.models import Hourglass
from glasspose.configs.training import AdamW, Packing, Recipe

NANO = Hourglass(input_size=(64, 64), channels=16, depth=2, stacks=2)


def nano_recipe(folder, **changes):
    values = {
        "model": NANO,
        "data": DrawnPeople(count=24, folder=folder / "drawn"),
        "packing": Packing(size=64),
        "optimiser": AdamW(learning_rate=3e-3),
        "epochs": 2,
        "batch": 8,
    }
    return Recipe(**{**values, **changes})
