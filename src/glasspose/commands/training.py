"""`glasspose train`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from glasspose.configs.training import PACKS, Recipe


def train(
    *,
    recipe: Annotated[Recipe, Parameter(name="*")],
    out: Path = Path("glasspose-out/train"),
    packs: Path = PACKS,
    resume: bool = False,
    init: str | None = None,
    freeze: tuple[str, ...] = (),
    download: bool = False,
    folds: int | None = None,
    range_test: Annotated[int | None, Parameter(validator=validators.Number(gte=20, lte=100_000))] = None,
) -> int:
    """Train a network from a recipe; every value of the recipe can be given as an option too.

    Example: glasspose train recipes/tour.yaml --epochs 2 --out glasspose-out/tour

    Ctrl-C keeps a checkpoint; the same command with --resume goes on to the same bits. Several GPUs or processes: torchrun
    --nproc-per-node 2 -m glasspose train ...

    Parameters
    ----------
    out
        Where checkpoints, curves, the resolved recipe and the best weights go.
    packs
        Where people are kept, cut out once.
    resume
        Go on with the run in --out.
    init
        Start from these weights: matching tensors are copied, the head's keypoints by name.
    freeze
        Leave these parts of the model as they are: stem, hourglasses, features, heads.
    download
        Let weights of ImageNet that a recipe asks for (model.pretrained) be fetched from huggingface.co where they are not on this machine.
    folds
        Train so many networks, each without its share of the images, and write out-of-fold predictions.
    range_test
        Instead of training, take so many steps at rising learning rates, draw the loss into range_test.png and suggest a rate (Smith 2017).

    """
    from rich.console import Console

    from glasspose.folds import train_folds
    from glasspose.rates import RULE
    from glasspose.rates import range_test as tested
    from glasspose.training import train

    console = Console(stderr=True, soft_wrap=True)
    if range_test is not None:
        found = tested(recipe, range_test, out=out, packs=packs, init=init, freeze=freeze, download=download)
        told = f"Suggestion: --optimiser.learning-rate {found.suggestion:.2g} ({RULE}). Loss over rate: {out / 'range_test.png'}"
    elif folds is not None:
        trained = train_folds(recipe, folds, out=out, packs=packs, resume=resume, init=init, freeze=freeze, download=download)
        told = f"Out-of-fold predictions of {trained.people} people are in {trained.predictions}; PCK@0.2 {100 * trained.pck:.1f} %"
    else:
        result = train(recipe, out=out, packs=packs, resume=resume, init=init, freeze=freeze, download=download)
        told = f"Best epoch {result.best_epoch}: validation PCK@0.2 {100 * result.best_pck:.1f} %. Weights: {result.folder / 'best.safetensors'}"
    console.print(told, markup=False, highlight=False)
    return 0
