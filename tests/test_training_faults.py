"""What goes wrong inside a run: numbers that are not finite, loaders that die, memory and handles that leak, pictures that vanish."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch

from glasspose import training
from glasspose.checkpoint import load_checkpoint, load_weights
from glasspose.codecs.heatmap import HeatmapCodec
from glasspose.configs.data import DrawnPeople
from glasspose.configs.models import Hourglass
from glasspose.configs.training import AdamW
from glasspose.data import loading
from glasspose.data.loading import EpochSampler, PackedPeople, loader
from glasspose.errors import GlassposeError, InputError, MissingError, TrainingError
from glasspose.images import load_image
from glasspose.network import Learner
from glasspose.training import train
from recipes_for_tests import nano_recipe

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = Hourglass(input_size=(32, 32), channels=8, depth=1, stacks=1)
SRC = Path(__file__).parents[1] / "src"


def go(tmp_path, name="run", resume=False, **changes):
    return train(nano_recipe(tmp_path, **{"model": TINY, **changes}), out=tmp_path / name, packs=tmp_path / "packs", resume=resume)


def kept(folder):
    return {name: (folder / name).read_bytes() for name in ("last.ckpt", "log.csv", "best.safetensors")}


def spoil_loss(monkeypatch, step):
    losses, calls = HeatmapCodec.losses, []

    def spoiled(self, output, *rest):
        calls.append(output.requires_grad)
        return losses(self, output, *rest) * (float("nan") if output.requires_grad and sum(calls) > step else 1.0)

    monkeypatch.setattr(HeatmapCodec, "losses", spoiled)


def spoil_gradient(monkeypatch, step):
    gradients, calls = training.add_gradients, []

    def spoiled(run, model, *rest):
        calls.append(1)
        answer = gradients(run, model, *rest)
        if len(calls) > step:
            next(model.parameters()).grad[0] = float("inf")
        return answer

    monkeypatch.setattr(training, "add_gradients", spoiled)


def spoil_input(monkeypatch, step):
    """Batch norm's statistics are then not finite, though no gradient step was taken."""
    forward, calls = Learner.forward, []

    def spoiled(self, images, *rest):
        calls.append(1)
        return forward(self, images * (float("nan") if len(calls) > step else 1.0), *rest)

    monkeypatch.setattr(Learner, "forward", spoiled)


def huge_rate(monkeypatch, step):
    pass


SPOILS = {"loss": spoil_loss, "gradient": spoil_gradient, "input": spoil_input, "rate": huge_rate}


def ends_well(tmp_path, monkeypatch, what, seed):
    """The run of 21 steps ends, by itself or in one line; the best and the last that it leaves are finite."""
    SPOILS[what](monkeypatch, seed % 9)
    optimiser = AdamW(learning_rate=1e9 if what == "rate" else 1e-3)
    try:
        go(tmp_path, f"{what}{seed}", seed=seed, epochs=7, optimiser=optimiser, ema=0.5 if seed % 2 else None)
    except GlassposeError as problem:
        assert "\n" not in str(problem)
        assert "esume" in str(problem) or "learning_rate" in str(problem)
    else:
        assert what == "rate", "a run whose every gradient is spoiled has to end"
    folder = tmp_path / f"{what}{seed}"
    for name in ("last.ckpt", "previous.ckpt"):
        if (folder / name).exists():
            assert all(tensor.isfinite().all() for tensor in load_checkpoint(folder)[0].values())
    if (folder / "best.json").exists():
        network, _ = load_weights(folder / "best.safetensors")
        assert all(value.isfinite().all() for value in network.model.state_dict().values())


@pytest.mark.parametrize("what", SPOILS)
@pytest.mark.parametrize("seed", [0, 5])
def test_best_and_last_are_always_finite(tmp_path, monkeypatch, what, seed):
    ends_well(tmp_path, monkeypatch, what, seed)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("what", SPOILS)
def test_best_and_last_are_always_finite_for_fifty_seeds(tmp_path, monkeypatch, what):
    for seed in range(50):
        with monkeypatch.context() as patched:
            ends_well(tmp_path, patched, what, seed)


def test_one_bad_step_is_left_out_and_training_goes_on(tmp_path, monkeypatch):
    gradients, calls = training.add_gradients, []

    def spoiled(run, model, *rest):
        calls.append(1)
        answer = gradients(run, model, *rest)
        if len(calls) == 2:
            next(model.parameters()).grad[0] = float("nan")
        return answer

    monkeypatch.setattr(training, "add_gradients", spoiled)
    assert len(go(tmp_path).history) == 2
    assert load_checkpoint(tmp_path / "run")[1]["bad_steps"] == 0


@pytest.mark.parametrize("processes", [pytest.param((0, 2), marks=pytest.mark.slow), pytest.param((1, 4), marks=pytest.mark.nightly)])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_the_number_of_loading_processes_changes_no_bit(tmp_path, processes):
    recipe = nano_recipe(tmp_path)
    people = PackedPeople([training.packed(recipe.data, recipe, tmp_path / "packs")], (32, 32), recipe.augmentation, seed=3)
    found = []
    for workers in processes:
        sampler = EpochSampler(len(people), 8, shuffled=True, seed=3)
        found.append([batch for sampler.epoch in range(2) for batch in loader(people, sampler, workers)])
    for batches in found[1:]:
        for one, other in zip(found[0], batches, strict=True):
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.keypoints, other.keypoints)
            assert torch.equal(one.index, other.index)


class Dying(PackedPeople):
    """One of its loading processes ends by a signal, once, when the file `dies` is there."""

    dies, by = Path("dies"), signal.SIGKILL

    def __getitem__(self, key):
        if key[0] == 1 and self.dies.exists():  # the second epoch
            self.dies.unlink()
            os.kill(os.getpid(), self.by)
        return super().__getitem__(key)


class DyingOfTheBus(Dying):
    """As where /dev/shm is full."""

    by = signal.SIGBUS


@pytest.mark.parametrize("people", [Dying, pytest.param(DyingOfTheBus, marks=pytest.mark.slow)])
def test_a_loading_process_that_dies_is_one_line_and_costs_one_epoch(tmp_path, monkeypatch, people):
    monkeypatch.chdir(tmp_path)
    go(tmp_path, "whole")
    monkeypatch.setattr(training, "PackedPeople", people)
    Path("dies").touch()
    started = time.monotonic()
    with pytest.raises(TrainingError, match="a process that prepares samples has died"):
        go(tmp_path, workers=1)
    assert time.monotonic() - started < 120  # it waits for five seconds; the rest is this machine's
    assert not Path("dies").exists()
    go(tmp_path, workers=0, resume=True)
    assert kept(tmp_path / "run") == kept(tmp_path / "whole")


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_too_little_room_for_batches_is_said_before_the_first(tmp_path, monkeypatch):
    room = namedtuple("room", "free")
    needed = 2 * 3 * 8 * 32 * 32 * 3 * 4  # batches ahead, processes, people, pixels, channels, bytes
    recipe = nano_recipe(tmp_path)
    people = PackedPeople([training.packed(recipe.data, recipe, tmp_path / "packs")], (32, 32), recipe.augmentation)
    sampler = EpochSampler(len(people), 16, rank=0, processes=2, shuffled=True)
    monkeypatch.setattr(loading, "SHARED", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: room(needed if path == tmp_path else 0))
    loader(people, sampler, workers=3)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: room(needed - 1))
    loader(people, sampler, workers=2)
    loader(people, sampler, workers=0)
    with pytest.raises(MissingError, match=r"3 loading processes need 1 MiB in .* fewer --workers"):
        loader(people, sampler, workers=3)


@pytest.mark.nightly
def test_a_full_dev_shm_is_one_line(tmp_path):
    """A real one, of 256 KiB, in a namespace of its own."""
    recipe = nano_recipe(tmp_path, workers=1, epochs=1)
    train(recipe.model_copy(update={"workers": 0}), out=tmp_path / "first", packs=tmp_path / "packs")
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("SKIPPED LOUDLY: no namespaces here, so /dev/shm cannot be made small")
    import yaml

    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    run = f"{sys.executable} -m glasspose train {tmp_path}/recipe.yaml --out {tmp_path}/run --packs {tmp_path}/packs"
    line = f"mount -t tmpfs -o size=256k tmpfs /dev/shm && exec {run}"
    environment = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(["unshare", "-rm", "sh", "-c", line], env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (6, False), done.stderr
    assert "/dev/shm" in done.stderr


def test_pictures_that_vanish_after_packing_change_nothing(tmp_path):
    go(tmp_path, "whole")
    shutil.rmtree(tmp_path / "drawn")
    dataset = training.read(DrawnPeople(count=24, folder=tmp_path / "drawn"))  # labels again; pictures too, so take them away
    for path in {person.image for person in dataset.annotations}:
        path.write_bytes(b"")
    go(tmp_path, "later")
    assert kept(tmp_path / "later") == kept(tmp_path / "whole")


@pytest.mark.parametrize("bad", [1, 3])
def test_a_bad_picture_stops_packing_by_name_and_packing_goes_on_when_it_is_mended(tmp_path, bad):
    """1 or 10 per cent: training opens no picture, so there is no half-trained epoch."""
    recipe = nano_recipe(tmp_path, data=DrawnPeople(count=30, folder=tmp_path / "drawn"))
    dataset = training.read(recipe.data)
    go(tmp_path, "whole", data=recipe.data)
    shutil.rmtree(tmp_path / "packs")
    paths = sorted({person.image for person in dataset.annotations})[7 : 7 + bad]
    whole = [path.read_bytes() for path in paths]
    for path in paths:
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=paths[0].name):
        go(tmp_path, data=recipe.data)
    for path, content in zip(paths, whole, strict=True):
        path.write_bytes(content)
        assert load_image(path).any()
    go(tmp_path, data=recipe.data)
    assert kept(tmp_path / "run") == kept(tmp_path / "whole")


def entries(what):
    return len(list(Path("/proc/self", what).iterdir()))


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_memory_handles_and_threads_stay_as_they_are_over_two_thousand_steps(tmp_path, monkeypatch):
    seen = []
    step = training.step

    def watched(*arguments):
        answer = step(*arguments)
        if len(seen) % 50 == 0:
            gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        seen.append((pages * os.sysconf("SC_PAGE_SIZE") / 2**20, entries("fd"), entries("task")))
        return answer

    monkeypatch.setattr(training, "step", watched)
    go(tmp_path, batch=1, epochs=90, data=DrawnPeople(count=24, folder=tmp_path / "drawn"))
    assert len(seen) >= 2000
    memory, handles, threads = np.array(seen[200:]).T
    slope = np.polyfit(np.arange(len(memory)) / 1000, memory, 1)[0]
    told = f"handles {handles.min():.0f} to {handles.max():.0f}, threads {threads.min():.0f} to {threads.max():.0f}"
    print(f"RSS slope {slope:.3f} MiB per 1,000 steps; {told}")
    assert slope < 1
    assert handles.max() - handles.min() <= 2
    assert threads.max() - threads.min() <= 1
