"""The state of a training run: what it consists of, and how a checkpoint keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from glasspose.checkpoint import has_checkpoint, save_checkpoint, save_weights
from glasspose.data.packing import Pack
from glasspose.errors import UsageError
from glasspose.files import write_atomically
from glasspose.logbook import Row
from glasspose.network import Learner, PoseNetwork

SNAPSHOTS = "snapshots"
"""Where a run keeps the weights of chosen epochs."""
STATE = ("epoch", "step", "rate", "bad_steps", "micro_batch", "sums", "history")
"""What of a `Run` a checkpoint keeps beside its tensors."""


@dataclass(kw_only=True)
class Run:
    """The state of a run, all that a checkpoint holds."""

    network: PoseNetwork
    optimiser: torch.optim.Optimizer
    average: nn.Module | None
    """The moving average of the weights, where the recipe asks for one."""
    people: Sequence[Pack] = ()
    """What it is trained on, for the card."""
    frozen: tuple[str, ...] = ()
    """Parts of the model that stay as they are."""
    best_by: Literal["pck", "loss"] = "pck"
    """What makes an epoch the best."""
    snapshots: tuple[int, ...] = ()
    """Epochs whose weights are kept."""
    untaught: bool = False
    """The weights that it starts from know nothing of its autoencoder."""
    epoch: int = 0
    """Epochs that are done."""
    step: int = 0
    """Steps done in the epoch under way."""
    rate: float = 0.0
    """The learning rate of the last step."""
    bad_steps: int = 0
    """Steps in a row that were left out because a gradient was not finite."""
    micro_batch: int | None = None
    """People at once, where memory did not suffice for as many as the recipe asks."""
    sums: dict[str, list[float]] = field(default_factory=dict)
    """Of the epoch under way: losses and hits for each stack, and what they are divided by."""
    history: list[Row] = field(default_factory=list)

    @property
    def kept(self) -> PoseNetwork:
        """What is validated and shipped."""
        return self.network if self.average is None else self.network.around(self.average)

    def best(self) -> Row:
        """The epoch with the highest validation PCK, or the lowest validation loss, the first of equals."""
        return best_row(self.history, self.best_by)


def best_row(history: Sequence[Row], by: Literal["pck", "loss"]) -> Row:
    """The best epoch, the first of equals."""
    return max(history, key=lambda row: row["validation/pck"] if by == "pck" else -row["validation/loss"])


def save_run(out: Path, run: Run, fabric: Any) -> None:
    """The last checkpoint; before it, after the best epoch so far its weights, and those of every epoch that is to be kept."""
    if fabric.is_global_zero:
        if run.step == 0:
            _save_weights(out, run)  # first: who dies before the checkpoint does this epoch again
        tensors = Learner(run.network).state_dict()
        if run.average is not None:
            tensors |= {f"average.{key}": value for key, value in run.average.state_dict().items()}
        tensors |= optimiser_tensors(run.optimiser)
        save_checkpoint(out, tensors, {key: getattr(run, key) for key in STATE})
    fabric.barrier()


def _save_weights(out: Path, run: Run) -> None:
    people = {"data": [pack.name for pack in run.people], "people": sum(len(pack) for pack in run.people)}
    card = {"training": people, "epoch": run.epoch, "validation": run.history[-1]}
    if run.best()["epoch"] == run.epoch:
        save_weights(out / "best.safetensors", run.kept, card)
    if run.epoch in run.snapshots:
        save_weights(out / SNAPSHOTS / f"epoch{run.epoch:04}.safetensors", run.kept, card)


def restore_run(run: Run, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Bring a run that has just been set up to where its checkpoint was."""
    run.network.model.load_state_dict(under("model.", tensors))
    run.network.codec.load_state_dict(under("codec.", tensors))
    if run.average is not None:
        run.average.load_state_dict(under("average.", tensors))
    restore_optimiser(run.optimiser, tensors)
    for key in STATE:
        setattr(run, key, state.get(key, getattr(run, key)))


def keep_lists(out: Path, lists: Mapping[str, Path | None], *, resume: bool, writes: bool) -> None:
    """Keep the lists of people that a run depends on beside its recipe. UsageError where it is resumed with others: it would be another run."""
    for name, path in lists.items():
        kept, content = out / f"{name}.json", None if path is None else path.read_bytes()
        before = kept.read_bytes() if kept.is_file() else None
        if resume and has_checkpoint(out) and before != content:
            began = "no list" if before is None else str(kept)
            raise UsageError(f"the run began with {began} of {name}, not with {path or 'none'}", f"Name {began}, or begin anew in another --out")
        if writes and content is not None and before != content:
            write_atomically(kept, content)


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with this, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of every parameter, by the parameter's number; numbers and empty places are left out."""
    remembered = optimiser.state_dict()["state"]
    return {f"optimiser.{n}.{key}": value for n, values in remembered.items() for key, value in values.items() if isinstance(value, Tensor)}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser back what `optimiser_tensors` took from it."""
    remembered = optimiser.state_dict()
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    for key, value in under("optimiser.", tensors).items():
        number, name = key.split(".")
        if value.shape == weights[int(number)].shape:  # fused kernels walk weights and state in memory order: it must be the same
            value = torch.empty_like(weights[int(number)]).copy_(value)
        remembered["state"].setdefault(int(number), {})[name] = value
    optimiser.load_state_dict(remembered)
