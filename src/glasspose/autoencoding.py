"""The stage before a run: autoencoders learn alone to rebuild the bottlenecks that a trained network has for its training people.

The bottlenecks are written to disk once and taken from there in an order that depends on (seed, epoch) alone; so does the noise that hides
them. A checkpoint stands after every epoch: what is broken off goes on to the same bits, at the cost of the epoch under way.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.lib.format import open_memmap
from rich.console import Console
from torch import Tensor, nn

from glasspose.attribution.taps import recorded
from glasspose.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint
from glasspose.configs.training import AutoencoderTraining, Recipe
from glasspose.curves import save_curves
from glasspose.data.loading import EpochSampler, PackedPeople, loader
from glasspose.errors import TrainingError, UsageError
from glasspose.interrupts import Interrupts
from glasspose.logbook import Row, write_rows
from glasspose.network import PoseNetwork
from glasspose.optimisation import build_optimiser
from glasspose.runs import best_row, optimiser_tensors, restore_optimiser, under

FOLDER = "autoencoder"
"""Within a run's folder: checkpoints, log.csv and curves.png of this stage."""
BATCH = 64
Bottlenecks = Mapping[str, Float[np.ndarray, "N C h w"]]
"""By tap, one for every stack."""


def teach(recipe: Recipe, network: PoseNetwork, samples: PackedPeople, validation: PackedPeople, fabric: Any, out: Path) -> None:
    """Train the autoencoders of a network and put them into it.

    Every process does the same work, and all take what the first has learned. TrainingError where the loss is not finite.
    """
    settings, folder = recipe.autoencoder_training or AutoencoderTraining(), out / FOLDER
    network.to(fabric.device)
    own = _named(network.model)
    taught = copy.deepcopy(own).requires_grad_(True)
    optimiser = build_optimiser(settings.optimiser, taught.parameters())
    epoch, history = 0, list[Row]()
    if has_checkpoint(folder):
        tensors, state = load_checkpoint(folder)
        taught.load_state_dict(under("autoencoders.", tensors))
        restore_optimiser(optimiser, tensors)
        epoch, history = int(state["epoch"]), state["history"]
    elif fabric.is_global_zero:  # what a stage that never came to a checkpoint has left may be of other weights
        _forget(folder)
    fabric.barrier()
    if epoch < settings.epochs:
        with fabric.rank_zero_first():
            parts = [stored(network, people, folder / name, fabric.device) for name, people in (("train", samples), ("validation", validation))]
        if epoch == 0 and settings.start == "pca":
            _start_from_components(taught, parts[0])
        _epochs(recipe, settings, taught, optimiser, history, parts, fabric, folder)
    for name, value in taught.state_dict().items():
        own.state_dict()[name].copy_(fabric.broadcast(value) if fabric.world_size > 1 else value)
    fabric.barrier()
    if fabric.is_global_zero:
        _forget(folder)


def _forget(folder: Path) -> None:
    for path in (*folder.glob("*.npy"), *folder.glob("*.part")):
        path.unlink()


def _named(model: nn.Module) -> nn.ModuleDict:
    """The autoencoders by stack; names of modules hold no dots."""
    return nn.ModuleDict({name.partition(".")[0]: part for name, part in model.autoencoders().items()})  # type: ignore[operator]


def _epochs(
    recipe: Recipe,
    settings: AutoencoderTraining,
    taught: nn.ModuleDict,
    optimiser: torch.optim.Optimizer,
    history: list[Row],
    parts: Sequence[Bottlenecks],
    fabric: Any,
    folder: Path,
) -> None:
    """The epochs that `history` does not hold yet."""
    console = Console(stderr=True, quiet=not fabric.is_global_zero, soft_wrap=True)
    with Interrupts() as interrupts:
        for epoch in range(len(history), settings.epochs):
            rate = settings.optimiser.learning_rate * 0.5 ** (epoch // settings.halve_every)
            for group in optimiser.param_groups:
                group["lr"] = rate
            train = _epoch(taught, optimiser, settings, parts[0], (recipe.seed, epoch), fabric.device, interrupts, fabric)
            history.append(_row(epoch + 1, rate, train, _judge(taught, parts[1], fabric.device)))
            console.print(
                f"autoencoder, epoch {epoch + 1}/{settings.epochs}  train loss {history[-1]['train/loss']:.3g}"
                f"  validation loss {history[-1]['validation/loss']:.3g}"
            )
            if fabric.is_global_zero:
                tensors = {f"autoencoders.{key}": value for key, value in taught.state_dict().items()} | optimiser_tensors(optimiser)
                save_checkpoint(folder, tensors, {"epoch": epoch + 1, "history": history})
                write_rows(folder / "log.csv", history)
    if fabric.is_global_zero:
        save_curves(folder / "curves.png", history, best_row(history, "loss"), "the autoencoder alone")


def _epoch(
    taught: nn.ModuleDict,
    optimiser: torch.optim.Optimizer,
    settings: AutoencoderTraining,
    clean: Bottlenecks,
    seeds: tuple[int, int],
    device: Any,
    interrupts: Interrupts,
    fabric: Any,
) -> list[float]:
    """One pass over everybody in a new order. Returns the mean loss of every stack."""
    rng = np.random.default_rng(seeds)
    order = rng.permutation(len(next(iter(clean.values()))))
    sums = np.zeros(len(taught))
    for start in range(0, len(order), settings.batch):
        chosen = np.sort(order[start : start + settings.batch])
        optimiser.zero_grad()
        losses = []
        for autoencoder, stack in zip(taught.values(), clean.values(), strict=True):
            wanted = torch.from_numpy(stack[chosen]).to(device)
            noise = torch.from_numpy(rng.standard_normal(wanted.shape, np.float32)).to(device)
            losses.append(nn.functional.mse_loss(autoencoder(wanted + settings.noise * wanted * noise), wanted))
        total = torch.stack(losses)
        if not total.isfinite().all():
            raise TrainingError(f"the autoencoder's loss is not finite (epoch {seeds[1] + 1})", "Lower autoencoder_training.optimiser.learning_rate")
        torch.autograd.backward(total.sum())
        optimiser.step()
        sums += total.detach().cpu().numpy() * len(chosen)
        if interrupts.agreed(fabric):
            raise SystemExit(interrupts.exit_code)
    return list(sums / len(order))


@torch.no_grad()
def _judge(taught: nn.ModuleDict, clean: Bottlenecks, device: Any) -> list[float]:
    """The mean squared error of every stack, without noise."""
    losses = []
    for autoencoder, stack in zip(taught.values(), clean.values(), strict=True):
        squares = 0.0
        for start in range(0, len(stack), BATCH):
            wanted = torch.from_numpy(np.array(stack[start : start + BATCH])).to(device)
            squares += float((autoencoder(wanted) - wanted).square().sum(dtype=torch.float64))
        losses.append(squares / stack.size)
    return losses


def _row(epoch: int, rate: float, train: Sequence[float], validation: Sequence[float]) -> Row:
    row = {"epoch": epoch, "rate": rate, "train/loss": float(train[-1]), "validation/loss": validation[-1]}
    for s, (of_train, of_validation) in enumerate(zip(train, validation, strict=True)):
        row |= {f"train/loss/stack{s}": float(of_train), f"validation/loss/stack{s}": of_validation}
    return row


@torch.no_grad()
def stored(network: PoseNetwork, people: PackedPeople, stem: Path, device: Any) -> Bottlenecks:
    """The bottlenecks of everybody's evaluation square, one file a stack, mapped from disk; computed where they are not there yet.

    What an untaught autoencoder would make of them does not reach the stacks after it.
    """
    taps, autoencoders = network.model.taps(), network.model.autoencoders()  # type: ignore[operator]
    paths = {name: stem.with_name(f"{stem.name}.{name}.npy") for name in autoencoders}
    if not all(path.exists() for path in paths.values()):
        stem.parent.mkdir(parents=True, exist_ok=True)
        views = copy.copy(people)
        views.augmentation = None
        network.eval()
        passed = [part.register_forward_hook(lambda module, given, output: given[0]) for part in autoencoders.values()]
        with recorded({name: taps[name] for name in autoencoders}) as found:
            _write(network, views, paths, found, device)
        for hook in passed:
            hook.remove()
    return {name: np.load(path, mmap_mode="r") for name, path in paths.items()}


def _write(network: PoseNetwork, views: PackedPeople, paths: Mapping[str, Path], found: Mapping[str, Tensor], device: Any) -> None:
    files: dict[str, Any] = {}
    done = 0
    for batch in loader(views, EpochSampler(len(views), BATCH, shuffled=False)):
        network(batch.images.to(device))
        real = int((batch.index >= 0).sum())
        for name, path in paths.items():
            if name not in files:
                files[name] = open_memmap(path.with_suffix(".part"), "w+", np.float32, (len(views), *found[name].shape[1:]))
            files[name][done : done + real] = found[name][:real].float().cpu().numpy()
        done += real
    for name, path in paths.items():
        files[name].flush()
        path.with_suffix(".part").replace(path)


def _start_from_components(taught: nn.ModuleDict, clean: Bottlenecks) -> None:
    """Each linear autoencoder as the principal components of its bottlenecks: the best that a linear one can do on them."""
    from sklearn.decomposition import PCA

    for autoencoder, stack in zip(taught.values(), clean.values(), strict=True):
        down, up = (layer for layer in autoencoder.modules() if isinstance(layer, nn.Linear))
        flat = np.asarray(stack).reshape(len(stack), -1)
        if down.out_features > min(flat.shape):
            raise UsageError(
                f"{min(flat.shape)} bottlenecks or values have fewer components than a code of {down.out_features}", "Lower model.autoencoder.code"
            )
        found = PCA(down.out_features, svd_solver="covariance_eigh").fit(flat)
        components, mean = torch.from_numpy(found.components_).to(down.weight), torch.from_numpy(found.mean_).to(down.weight)
        with torch.no_grad():
            down.weight.copy_(components)
            down.bias.copy_(-components @ mean)
            up.weight.copy_(components.T)
            up.bias.copy_(mean)
