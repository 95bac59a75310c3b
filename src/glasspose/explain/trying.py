"""The commands that try a proposal, as one would type them: a recipe, a control, three seeds, and the comparison."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from glasspose.configs.augmentation import Augmentation
from glasspose.configs.data import Data
from glasspose.configs.reading import read_recipe
from glasspose.configs.training import AdamW, Cosine, Packing, Recipe
from glasspose.explain.explanation import NotApplicableError
from glasspose.network import PoseNetwork

SEEDS = (0, 1, 2)
EPOCHS = 10
RATE = 5e-4
"""A fine-tuning rate."""


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What the commands are made of."""

    weights: str
    data: Data
    """On which the network was judged."""
    recipe: Recipe
    recipe_path: Path
    out: Path

    @property
    def training(self) -> Data:
        """The people that a proposal is to learn from."""
        return self.recipe.data

    @property
    def augmentation(self) -> Augmentation:
        """As it is now."""
        return self.recipe.augmentation

    def recipe_yaml(self) -> bytes:
        """The recipe's file."""
        return yaml.safe_dump(self.recipe.model_dump(mode="json"), sort_keys=False).encode()

    def file(self, ending: str) -> Path:
        """Where `Explanation.save` puts a file."""
        return self.out / f"improve-{ending}"

    def train(self, *options: str, name: str, seed: int | None = None) -> str:
        """One run that goes on from the weights."""
        runs = Path("runs") / (f"improve-{name}" if seed is None else f"improve-{name}-seed{seed}")
        words = ["glasspose", "train", str(self.recipe_path), "--init", self.weights, *options, "--out", str(runs)]
        return shlex.join(words if seed is None else [*words, "--seed", str(seed)])

    def script(self, *options: str, name: str) -> bytes:
        """The proposal and its control with every seed, compared: to be run as it is, with `sh`."""
        lines = ["set -e"]
        for seed in SEEDS:
            lines += [self.train(name="control", seed=seed), self.train(*options, name=name, seed=seed)]
        lines.append(self.compare(name))
        return ("\n".join(lines) + "\n").encode()

    def compare(self, name: str) -> str:
        """Control first, so that differences are the proposal's."""
        runs = [f"runs/improve-{one}-seed{seed}" for one in ("control", name) for seed in SEEDS]
        return shlex.join(["glasspose", "compare", *runs])

    def explain(self, question: str, *options: str, weights: str | None = None, data: Data | None = None) -> str:
        """Another question of the same data."""
        return shlex.join(["glasspose", "explain", question, weights or self.weights, *typed(data or self.data), *options])


def workshop(weights: str, network: PoseNetwork, data: Data, recipe: Path | None, out: Path) -> Workshop:
    """Around a recipe of one's own, or one that goes on from the weights on the split `train` of the same data.

    NotApplicableError where the people that judge would be those that teach.
    """
    if recipe is not None:
        return Workshop(weights=weights, data=data, recipe=read_recipe(recipe), recipe_path=recipe, out=out)
    if data.split == "train":
        raise NotApplicableError("the training people cannot judge what to try", "Judge on another --data.split, or name --recipe")
    side = max(network.input_size)
    made = Recipe(
        model=network.model_config,
        codec=network.codec_config,
        data=data.model_copy(update={"split": "train", "leave_out": None}),
        validation=data.split,
        packing=Packing(size=min(round(1.5 * side), 1024)),
        optimiser=AdamW(learning_rate=RATE, weight_decay=0.01),
        schedule=Cosine(warmup_epochs=0.2),
        epochs=EPOCHS,
        ema=0.99,
    )
    return Workshop(weights=weights, data=data, recipe=made, recipe_path=out / "improve-recipe.yaml", out=out)


def typed(data: Data) -> list[str]:
    """The options that name a dataset."""
    given: dict[str, Any] = {"kind": data.kind, **data.model_dump(mode="json", exclude_unset=True, exclude={"kind"})}
    words = []
    for key, value in given.items():
        name = f"--data.{key.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(name if value else f"--data.no-{key.replace('_', '-')}")
        elif value is not None:
            words += [word for one in (value if isinstance(value, list) else [value]) for word in (name, str(one))]
    return words
