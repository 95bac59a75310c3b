"""Out-of-fold predictions: as many networks as folds, each judged on the images that it never saw. What `explain labels` needs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glasspose.checkpoint import has_checkpoint, load_weights
from glasspose.configs.training import PACKS, Recipe
from glasspose.data import read
from glasspose.data.loading import PackedPeople
from glasspose.data.packing import packable
from glasspose.data.splitting import folds as divide
from glasspose.data.splitting import group_duplicates
from glasspose.files import write_atomically
from glasspose.geometry import invert, transform
from glasspose.judging import judge, torso_pck
from glasspose.processes import launch
from glasspose.training import fit, learners, pack_people


@dataclass(frozen=True, kw_only=True)
class OutOfFold:
    """What `train_folds` gives back."""

    predictions: Path
    people: int
    pck: float
    """PCK@0.2 over all joints, each fold weighing with its people."""


def train_folds(
    recipe: Recipe,
    count: int,
    *,
    out: Path = Path("glasspose-out/train"),
    packs: Path = PACKS,
    resume: bool = False,
    init: str | None = None,
    freeze: Sequence[str] = (),
    download: bool = False,
) -> OutOfFold:
    """Train `count` networks, each without its share of the images (near-duplicates together), and write `out_of_fold.json`.

    The keypoints in it are image pixels. The recipe's `extra` people are in every fold's training.
    """
    fabric = launch()
    packed, _ = pack_people(recipe, packs, fabric)
    first, size = packed[0], recipe.model.input_size
    people, scores = [], []
    source = read(recipe.data)
    dataset = group_duplicates(replace(source, annotations=packable(source, recipe.packing)))
    for number, held_out in enumerate(divide(dataset, count, recipe.seed)):
        rest = sorted(set(range(len(first))) - set(held_out))
        samples = learners(recipe, packed, rest)
        unseen = PackedPeople([first], size, chosen=held_out)
        folder = out / f"fold{number}"
        going_on = resume and has_checkpoint(folder)
        fit(recipe, samples, unseen, fabric, out=folder, resume=going_on, init=init, freeze=freeze, download=download)
        network, _ = load_weights(folder / "best.safetensors")
        judged = judge(network, unseen, fabric, flip_test=True)
        scores.append((torso_pck(judged)[-1], len(held_out)))
        for i, place in enumerate(held_out):
            points = transform(judged.keypoints[i, -1], invert(judged.image_to_input[i].astype(np.float64)))
            people.append(
                {
                    "person_id": int(first.person_ids[place]),
                    "image_id": int(first.image_ids[place]),
                    "fold": number,
                    "keypoints": points.round(3).tolist(),
                    "scores": judged.scores[i, -1].round(4).tolist(),
                }
            )
    content = {"format": "glasspose.out_of_fold", "version": 1, "skeleton": first.skeleton.to_json(), "folds": count, "people": people}
    write_atomically(out / "out_of_fold.json", json.dumps(content).encode())
    pck = float(np.average([s for s, _ in scores], weights=[n for _, n in scores]))
    return OutOfFold(predictions=out / "out_of_fold.json", people=len(people), pck=pck)
