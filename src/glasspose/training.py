"""The training loop, to be read from top to bottom: set up, epochs, steps, validation, checkpoint.

Every random choice is a function of (seed, epoch, sample), so a run that was broken off anywhere goes on to the same bits: its state is
the weights, the optimiser, the step, and the sums of the epoch under way.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from glasspose import autoencoding, starting
from glasspose.checkpoint import has_checkpoint, load_checkpoint, load_weights, save_weights
from glasspose.configs.data import Data
from glasspose.configs.framing import Framing
from glasspose.configs.training import PACKS, Recipe, validation_data
from glasspose.curves import save_curves
from glasspose.data import as_skeleton, read
from glasspose.data.lists import weights_for
from glasspose.data.loading import EpochSampler, PackedPeople, deaths_told, loader
from glasspose.data.on_device import DeviceLoader
from glasspose.data.packing import Pack, pack, pack_folder
from glasspose.errors import TrainingError, UsageError
from glasspose.files import clear_remains, write_atomically
from glasspose.first_batch import first_batch_picture
from glasspose.fitting import fit_calibration
from glasspose.images import save_image
from glasspose.interrupts import Interrupts
from glasspose.judging import Judged, judge, torso_hits, torso_pck
from glasspose.logbook import Logbook, Row
from glasspose.memory import with_fewer_at_once
from glasspose.network import Learner, PoseNetwork, compiled
from glasspose.optimisation import build_optimiser, learning_rate_factor, update_average
from glasspose.processes import launch
from glasspose.runs import SNAPSHOTS, Run, keep_lists, restore_run, save_run
from glasspose.skeletons import Skeleton
from glasspose.structures import Batch

THRESHOLD = 0.2
"""Of PCK in the log, in torso lengths."""
MOST_BAD_STEPS = 10
FIRST_STEPS = 50
"""A healthy network may answer with empty maps for so many steps."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What `train` gives back."""

    folder: Path
    best_epoch: int
    best_pck: float
    history: Sequence[Row]


def train(
    recipe: Recipe,
    *,
    out: Path = Path("glasspose-out/train"),
    packs: Path = PACKS,
    resume: bool = False,
    init: str | None = None,
    freeze: Sequence[str] = (),
    until: int | None = None,
    download: bool = False,
) -> Trained:
    """Train a network on the packed people of a recipe, from chance or from the weights `init`; stop early after the epoch `until`.

    A recipe that asks for weights of ImageNet gets those that are on this machine; they are fetched only where `download`.

    Writes into `out`: recipe.yaml, first_batch.jpg, log.csv, curves.png, TensorBoard curves, the last two checkpoints, the best weights with
    their card, and those of the recipe's `snapshots`. Raises UsageError where `out` holds a run that is not to be resumed, TrainingError where
    the loss stays infinite.
    """
    fabric = launch_for(recipe)
    people, validation = pack_people(recipe, packs, fabric)
    keep_lists(out, {"weights": recipe.weights, "leave_out": recipe.data.leave_out}, resume=resume, writes=fabric.is_global_zero)
    samples, unseen = learners(recipe, people), PackedPeople([validation], recipe.model.input_size)
    return fit(recipe, samples, unseen, fabric, out=out, resume=resume, init=init, freeze=freeze, until=until, download=download)


def learners(recipe: Recipe, people: Sequence[Pack], chosen: Sequence[int] | None = None) -> PackedPeople:
    """The training people of a recipe as its network sees them, each with the weight that it gives them; of the first pack only `chosen`."""
    weights = {} if recipe.weights is None else weights_for(recipe.weights, people[0])
    return PackedPeople(people, recipe.model.input_size, recipe.augmentation, recipe.seed, chosen, weights)


def _calibrate(weights: Path, validation: Pack) -> None:
    """Fit thresholds for some weights and keep them in their card."""
    network, card = load_weights(weights)
    save_weights(weights, network, {**card, "calibration": fit_calibration(network, validation).to_json()})


def pack_people(recipe: Recipe, packs: Path, fabric: Any) -> tuple[list[Pack], Pack]:
    """The training packs (the recipe's own data first) and the validation pack, made now where they are not there yet."""
    with fabric.rank_zero_first():
        first = packed(recipe.data, recipe, packs)
        more = [packed(data, recipe, packs, first.skeleton) for data in recipe.extra]
        return [first, *more], packed(validation_data(recipe), recipe, packs, first.skeleton)


def fit(
    recipe: Recipe,
    samples: PackedPeople,
    validation: PackedPeople,
    fabric: Any,
    *,
    out: Path,
    resume: bool,
    init: str | None,
    freeze: Sequence[str],
    until: int | None = None,
    download: bool = False,
) -> Trained:
    """Train on some people and pick the best epoch by others."""
    first_stage = has_checkpoint(out / autoencoding.FOLDER) and not has_checkpoint(out)
    if not resume and (first_stage or has_checkpoint(out)):
        raise UsageError(f"{out} holds a run already", "Go on with --resume, or name another folder with --out")
    run, story = start(recipe, samples.packs[0].skeleton, init, freeze, resume, download)
    run.people = samples.packs
    if resume and not first_stage:
        restore_run(run, *load_checkpoint(out))
    elif recipe.autoencoder_training is not None:
        _teach_autoencoder(recipe, run, samples, validation, fabric, out, init)
    if fabric.is_global_zero:
        clear_remains(out)
        write_atomically(out / "recipe.yaml", yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False).encode())
        save_image(out / "first_batch.jpg", first_batch_picture(run.network, samples))
    _loop(recipe, run, samples, validation, fabric, out, story, min(recipe.epochs, until or recipe.epochs))
    best = run.best()
    if fabric.is_global_zero:
        save_curves(out / "curves.png", run.history, best, f"{out.name}: {len(samples)} people")
        for weights in (out / "best.safetensors", *sorted((out / SNAPSHOTS).glob("*.safetensors"))):
            _calibrate(weights, validation.packs[0])
    fabric.barrier()
    return Trained(folder=out, best_epoch=int(best["epoch"]), best_pck=best["validation/pck"], history=run.history)


def _teach_autoencoder(recipe: Recipe, run: Run, samples: PackedPeople, validation: PackedPeople, fabric: Any, out: Path, init: str | None) -> None:
    """The stage before the first epoch, unless the weights that the run starts from have been through it."""
    if init is None:
        raise UsageError("autoencoder_training needs a trained network to put the autoencoder into", "Name its weights with --init")
    if run.untaught:
        autoencoding.teach(recipe, run.network, samples, validation, fabric, out)
        if run.average is not None:
            run.average.load_state_dict(run.network.model.state_dict())


def _loop(
    recipe: Recipe, run: Run, samples: PackedPeople, validation: PackedPeople, fabric: Any, out: Path, story: Sequence[str], until: int
) -> None:
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        run.network.model = nn.SyncBatchNorm.convert_sync_batchnorm(run.network.model)  # type: ignore[no-untyped-call]
    run.network.to(fabric.device)
    if run.average is not None:
        run.average.to(fabric.device)
    model, optimiser = fabric.setup(learner_of(recipe, run.network, fabric.device), run.optimiser)
    sampler = EpochSampler(len(samples), recipe.batch, fabric.global_rank, fabric.world_size, shuffled=True, seed=recipe.seed)
    if recipe.on_device:
        batches: Iterable[Batch] = DeviceLoader(samples, sampler, fabric.device)
    else:
        batches = loader(samples, sampler, recipe.workers, pin=fabric.device.type == "cuda")
    steps = len(sampler)
    log = Logbook(out, active=fabric.is_global_zero, start=run.epoch * steps + run.step, epochs=recipe.epochs, steps=steps)
    with Interrupts() as interrupts, deaths_told(), log:
        for line in story:
            log.say(line)
        while run.epoch < until and not _stale(recipe, run):
            sampler.epoch, sampler.start = run.epoch, run.step
            model.train()
            starting.freeze(run.network.model, run.frozen)
            for batch in batches:
                torch.manual_seed(int(np.random.SeedSequence([recipe.seed, run.epoch, run.step, fabric.global_rank]).generate_state(1)[0]))  # dropout
                run.rate = _set_rate(recipe, run, optimiser, run.epoch + run.step / steps)
                at_once = run.micro_batch
                loss = step(recipe, run, model, optimiser, batch.to(fabric.device), fabric)
                if run.micro_batch != at_once:
                    log.say(f"Memory did not suffice: {run.micro_batch} people at once from here on, and their gradients are added up.")
                run.step += 1
                if run.average is not None:
                    update_average(run.average, run.network.model, recipe.ema or 0.0, run.epoch * steps + run.step)
                log.step(run.epoch, loss, run.rate)
                if interrupts.agreed(fabric):
                    save_run(out, run, fabric)
                    log.say(f"Stopped in epoch {run.epoch + 1}; everything is in {out}. Go on with --resume.")
                    raise SystemExit(interrupts.exit_code)
            judged = judge(run.kept, validation, fabric)
            run.history.append(_row(run, judged, fabric))
            run.epoch, run.step, run.sums = run.epoch + 1, 0, {}
            log.epoch(run.history)
            if run.epoch * steps >= FIRST_STEPS:
                _warn_of_collapse(run, log)
            save_run(out, run, fabric)


def learner_of(recipe: Recipe, network: PoseNetwork, device: torch.device) -> nn.Module:
    """The network with its loss, compiled where the recipe says so. MissingError where that cannot be done here."""
    learner = Learner(network)
    return compiled(learner, device) if recipe.compiled else learner


def step(recipe: Recipe, run: Run, model: Any, optimiser: Any, batch: Batch, fabric: Any) -> float:
    """One step of the optimiser over one batch, in micro-batches.

    The loss is divided by the keypoints of the whole batch on all processes, each counting as much as its person.
    """
    counts = run.network.codec.supervised(batch.labelled, batch.occluded).sum(1)
    everyone = fabric.all_reduce((counts * batch.weight).sum(), reduce_op="sum")
    everyone = torch.where(everyone > 0, everyone, 1.0)
    sums = copy.deepcopy(run.sums)

    def gradients(size: int) -> float:
        optimiser.zero_grad()
        run.sums = copy.deepcopy(sums)
        return add_gradients(run, model, batch, size, fabric.world_size / everyone, fabric)

    asked = run.micro_batch or recipe.micro_batch or len(batch.index)
    local, size = with_fewer_at_once(gradients, asked, alone=fabric.world_size == 1)
    run.micro_batch = run.micro_batch if size == asked else size
    norm = fabric.clip_gradients(model, optimiser, max_norm=recipe.clip or float("inf"), error_if_nonfinite=False)
    if torch.isfinite(norm):
        optimiser.step()
        run.bad_steps = 0
    else:
        run.bad_steps += 1
    if run.bad_steps >= MOST_BAD_STEPS:
        raise TrainingError(
            f"the gradient was not finite for {MOST_BAD_STEPS} steps in a row (epoch {run.epoch + 1}, step {run.step + 1})",
            "Lower optimiser.learning_rate or set clip; the last checkpoint is as it was",
        )
    return local / float(everyone)


def add_gradients(run: Run, model: Any, batch: Batch, size: int, scale: Tensor, fabric: Any) -> float:
    """Add the gradients of a batch, `size` people at once. Returns its weighted loss, summed over keypoints and averaged over stacks."""
    starts = range(0, len(batch.index), size)
    local = 0.0
    for start in starts:
        part = batch.part(start, start + size)
        with fabric.no_backward_sync(model, enabled=start != starts[-1]):
            output, losses = model(part.images, part.keypoints, part.labelled, part.occluded)
            weighted = losses * part.weight[:, None]
            fabric.backward(weighted.sum() * scale)
        local += float(weighted.detach().sum()) / losses.shape[1]
        _count(run, part, output.detach(), losses.detach())
    return local


@torch.no_grad()
def _count(run: Run, part: Batch, output: Tensor, losses: Tensor) -> None:
    """Add this part to the sums of the epoch: everybody counts once in the log, so that runs with and without weights can be compared."""
    codec = run.network.codec
    answers = codec.activate(output)
    keypoints = torch.stack([codec.decode(answers[:, s])[0] for s in range(output.shape[1])], 1)
    torso = part.torso * part.image_to_input[:, :, :2].det().abs().sqrt()
    counted = part.labelled & (part.keypoints > -1000).all(-1)
    hits, asked = torso_hits(keypoints, part.keypoints, counted, torso, THRESHOLD)
    new = {
        "loss": losses.sum(0).tolist(),
        "zero": [codec.zero_loss(part.keypoints, part.labelled, part.occluded).sum().item()],
        "hits": hits.tolist(),
        "supervised": [codec.supervised(part.labelled, part.occluded).sum().item()],
        "asked": [asked.item()],
    }
    for key, values in new.items():
        run.sums[key] = [a + b for a, b in zip(run.sums.get(key, [0.0] * len(values)), values, strict=True)]


def _row(run: Run, judged: Judged, fabric: Any) -> Row:
    """The numbers of one epoch, each for the last stack and then for every stack."""
    sums = {key: fabric.all_reduce(torch.tensor(values, dtype=torch.float64), reduce_op="sum").tolist() for key, values in run.sums.items()}
    losses = [loss / max(sums["supervised"][0], 1) for loss in sums["loss"]]
    pck = [hits / max(sums["asked"][0], 1) for hits in sums["hits"]]
    zero = sums["zero"][0] / max(sums["supervised"][0], 1)
    judged_pck = torso_pck(judged, THRESHOLD)
    row = {"epoch": run.epoch + 1, "rate": run.rate, "train/loss": losses[-1], "train/zero_loss": zero, "train/pck": pck[-1]}
    row |= {"validation/loss": float(judged.losses[-1]), "validation/pck": judged_pck[-1]}
    for s in range(len(losses)):
        row |= {f"train/loss/stack{s}": losses[s], f"train/pck/stack{s}": pck[s]}
        row |= {f"validation/loss/stack{s}": float(judged.losses[s]), f"validation/pck/stack{s}": judged_pck[s]}
    return row


def _warn_of_collapse(run: Run, log: Logbook) -> None:
    """Say so when the network answers with empty maps: the loss is that of the zero solution and no keypoint is found."""
    row = run.history[-1]
    lazy = row["train/zero_loss"]
    if row["train/loss"] > lazy - 0.05 * abs(lazy) and row["validation/pck"] < 0.05:
        log.say(
            f"COLLAPSED: the loss {row['train/loss']:.3g} is that of the laziest answer, empty heatmaps or the middle of the picture ({lazy:.3g}) "
            f"and PCK is {row['validation/pck']:.3f}. "
            "Usual causes: a learning rate that is too high or too low, targets too small to see (raise codec.sigma, or codec.loss=weighted_mse), "
            "labels that do not fit the pictures (look at first_batch.jpg).",
            "bold red",
        )


def _set_rate(recipe: Recipe, run: Run, optimiser: Any, epoch: float) -> float:
    factor = learning_rate_factor(recipe.schedule, epoch, recipe.epochs, [row["validation/pck"] for row in run.history])
    rate = max(recipe.optimiser.learning_rate * factor, getattr(recipe.schedule, "minimum", 0.0))
    for group in optimiser.param_groups:
        group["lr"] = rate
    return rate


def _stale(recipe: Recipe, run: Run) -> bool:
    return recipe.early_stop is not None and bool(run.history) and run.epoch - run.best()["epoch"] >= recipe.early_stop


def start(
    recipe: Recipe, skeleton: Skeleton, init: str | None, frozen: Sequence[str], resume: bool = False, download: bool = False
) -> tuple[Run, list[str]]:
    """A run before its first step, and what is to be said of where its weights come from."""
    torch.manual_seed(recipe.seed)
    network = PoseNetwork(recipe.model, recipe.codec, skeleton, Framing(framing=recipe.packing.framing, margin=recipe.packing.margin))
    copied = None if init is None else starting.start_from(network, init)
    story = [] if copied is None else copied.lines()
    if getattr(recipe.model, "pretrained", False) and init is None and not resume:
        story = [starting.start_pretrained(network, download=download)]
    if skeleton.torso is None:
        story.append("These keypoints name no unit of PCK (data.torso), so PCK stays 0 and the best epoch is that of the lowest validation loss.")
    starting.freeze(network.model, frozen)
    network.model.to(memory_format=torch.channels_last)
    run = Run(
        network=network,
        optimiser=build_optimiser(recipe.optimiser, Learner(network).parameters()),
        average=copy.deepcopy(network.model).requires_grad_(False) if recipe.ema is not None else None,
        frozen=tuple(frozen),
        best_by=recipe.best_by if skeleton.torso else "loss",
        snapshots=recipe.snapshots,
        untaught=copied is not None and any(".autoencoder." in name for name in copied.new),
    )
    return run, story


def packed(data: Data, recipe: Recipe, packs: Path, skeleton: Skeleton | None = None) -> Pack:
    """The pack of a dataset under `packs`, made now if it is not there; with another skeleton's keypoints if one is given."""
    dataset = read(data)
    dataset = dataset if skeleton is None else as_skeleton(dataset, skeleton)
    return pack(dataset, pack_folder(packs, dataset, recipe.packing), recipe.packing)


def launch_for(recipe: Recipe) -> Any:
    """The processes and the precision of a recipe on this machine. UsageError where they do not fit."""
    cuda = torch.cuda.is_available()
    if recipe.precision == "bf16" and not cuda:
        raise UsageError("precision bf16 needs a GPU: on a CPU it is several times slower", "Leave precision at auto")
    fabric = launch("bf16-mixed" if cuda and recipe.precision != "32" else "32-true")
    if recipe.batch % fabric.world_size:
        raise UsageError(f"batch {recipe.batch} does not divide among {fabric.world_size} processes", "Choose a multiple")
    return fabric
