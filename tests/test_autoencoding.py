import csv
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.decomposition import PCA
from torch import nn

from glasspose import autoencoding, training
from glasspose.attribution.taps import recorded
from glasspose.autoencoding import stored
from glasspose.checkpoint import load_checkpoint, load_weights, save_weights
from glasspose.configs.codecs import Heatmap
from glasspose.configs.data import DrawnPeople
from glasspose.configs.models import Autoencoder
from glasspose.configs.training import AutoencoderTraining, Sgd
from glasspose.data import read
from glasspose.data.loading import PackedPeople, collate
from glasspose.data.packing import pack
from glasspose.errors import TrainingError, UsageError
from glasspose.interrupts import Interrupts
from glasspose.models.autoencoder import SqueezingAutoencoder
from glasspose.network import PoseNetwork
from glasspose.processes import launch
from glasspose.skeletons import LSP
from glasspose.starting import start_from
from glasspose.training import pack_people, train
from recipes_for_tests import NANO, nano_recipe

pytestmark = pytest.mark.usefixtures("one_thread")
SQUEEZED = NANO.model_copy(update={"autoencoder": Autoencoder(code=5)})
LINEAR = NANO.model_copy(update={"autoencoder": Autoencoder(code=5, linear=True)})
REAL = Interrupts.agreed
STAGE = AutoencoderTraining(epochs=3, batch=8, optimiser=Sgd(learning_rate=0.05, momentum=0.9), halve_every=2)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Packed people, and weights without an autoencoder."""
    folder = tmp_path_factory.mktemp("shared")
    torch.manual_seed(3)
    save_weights(folder / "base.safetensors", PoseNetwork(NANO, Heatmap(), LSP), {})
    pack_people(nano_recipe(folder), folder / "packs", launch())
    return folder


@pytest.fixture
def base(shared):
    return str(shared / "base.safetensors")


def go(tmp_path, base, name="run", resume=False, stage=STAGE, model=SQUEEZED, freeze=(), **changes):
    """Both stages."""
    shared = tmp_path if base is None else Path(base).parent
    recipe = nano_recipe(shared, **{"model": model, "autoencoder_training": stage, "epochs": 1, **changes})
    return train(recipe, out=tmp_path / name, packs=shared / "packs", resume=resume, init=base, freeze=freeze)


def teach(tmp_path, base, name="run", stage=STAGE, model=SQUEEZED):
    """The first stage alone: the network before and after."""
    shared, fabric = Path(base).parent, launch()
    recipe = nano_recipe(shared, model=model, autoencoder_training=stage)
    people, validation = pack_people(recipe, shared / "packs", fabric)
    torch.manual_seed(0)
    network = PoseNetwork(model, Heatmap(), LSP)
    start_from(network, base)
    before = {key: value.clone() for key, value in network.model.state_dict().items()}
    samples, others = PackedPeople(people, (64, 64), recipe.augmentation), PackedPeople([validation], (64, 64))
    autoencoding.teach(recipe, network, samples, others, fabric, tmp_path / name)
    return before, network.model.state_dict()


@pytest.fixture(autouse=True, scope="module")
def lighter():
    """Without what takes longer than everything here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_calibrate", lambda weights, pack: None)
        patch.setattr(training, "save_curves", lambda *rest: None)
        yield


@pytest.fixture(scope="module")
def whole(shared, lighter):
    """Both stages, never stopped."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    go(shared, str(shared / "base.safetensors"), "whole", ema=0.9)
    torch.set_num_threads(threads)
    return shared / "whole"


def fingerprint(folder):
    tensors, state = load_checkpoint(folder)
    content = b"".join(key.encode() + tensor.numpy().tobytes() for key, tensor in sorted(tensors.items()))
    return hashlib.sha256(content + repr(state).encode()).hexdigest(), (folder / "log.csv").read_bytes()


def losses(folder, part="train"):
    rows = csv.DictReader((folder / "autoencoder/log.csv").read_text().splitlines())
    return [float(row[f"{part}/loss"]) for row in rows]


def test_the_autoencoder_learns_alone_then_goes_into_the_network(tmp_path, base, capfd):
    before, after = teach(tmp_path, base)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {key for key in before if ".autoencoder." in key}
    taught, _ = load_checkpoint(tmp_path / "run/autoencoder")
    assert torch.equal(taught["autoencoders.stack1.decoder.0.bias"], after["hourglasses.1.inner.autoencoder.decoder.0.bias"])
    assert losses(tmp_path / "run")[-1] < losses(tmp_path / "run")[0]
    left = {path.name for path in (tmp_path / "run/autoencoder").iterdir()}
    assert left == {"last.ckpt", "previous.ckpt", "log.csv", "curves.png"}
    assert "autoencoder, epoch 3/3  train loss" in capfd.readouterr().err


def stop(monkeypatch, asked):
    """As Ctrl-C would, when the loop asks for the nth time."""
    calls = []

    def agreed(self, fabric):
        calls.append(1)
        if len(calls) == asked:
            self.exit_code = 130
        return REAL(self, fabric)

    monkeypatch.setattr(Interrupts, "agreed", agreed)


@pytest.mark.parametrize("asked", [2, 5, 10])
def test_a_run_stopped_in_or_between_its_stages_goes_on_to_the_same_bits(tmp_path, base, whole, monkeypatch, asked):
    """24 people: three steps an epoch in both stages, so that the ninth is the last of the first stage and the tenth the first of the second."""
    stop(monkeypatch, asked)
    with pytest.raises(SystemExit):
        go(tmp_path, base, "stopped", ema=0.9)
    monkeypatch.setattr(Interrupts, "agreed", REAL)
    if asked > 3:  # else nothing is there yet
        with pytest.raises(UsageError, match="--resume"):
            go(tmp_path, base, "stopped", ema=0.9)
    go(tmp_path, base, "stopped", ema=0.9, resume=asked > 3)
    assert fingerprint(tmp_path / "stopped") == fingerprint(whole)
    assert fingerprint(tmp_path / "stopped/autoencoder") == fingerprint(whole / "autoencoder")


def test_a_run_killed_between_its_stages_goes_on_to_the_same_bits(tmp_path, base, whole, monkeypatch):
    def killed(*rest):
        raise KeyboardInterrupt

    real = training._loop
    monkeypatch.setattr(training, "_loop", killed)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, base, "killed", ema=0.9)
    monkeypatch.setattr(training, "_loop", real)
    go(tmp_path, base, "killed", ema=0.9, resume=True)
    assert fingerprint(tmp_path / "killed") == fingerprint(whole)


def test_noise_hides_what_is_learnt_from_and_never_what_is_judged(tmp_path, base):
    """With a rate of almost zero nothing is learnt, so that two runs differ by their noise alone."""
    still = {"epochs": 1, "batch": 8, "optimiser": Sgd(learning_rate=1e-12)}
    for name, noise in (("clean", 0.0), ("noisy", 1.0)):
        teach(tmp_path, base, name, stage=AutoencoderTraining(**still, noise=noise))
    assert losses(tmp_path / "noisy", "validation") == losses(tmp_path / "clean", "validation")
    assert losses(tmp_path / "noisy") != losses(tmp_path / "clean")


def test_what_is_rebuilt_is_the_clean_bottleneck(tmp_path, base, monkeypatch):
    given, wanted = [], []
    real = nn.functional.mse_loss
    monkeypatch.setattr(nn.functional, "mse_loss", lambda a, b: wanted.append(b) or real(a, b))
    call = SqueezingAutoencoder.forward

    def noted(self, x):
        if torch.is_grad_enabled() and len(given) < 6:
            given.append(x)
        return call(self, x)

    monkeypatch.setattr(SqueezingAutoencoder, "forward", noted)
    teach(tmp_path, base, stage=STAGE.model_copy(update={"epochs": 1, "noise": 0.1}))
    ratio = torch.cat([(a / b - 1)[b != 0] for a, b in zip(given, wanted, strict=False)])
    assert ratio.std().item() == pytest.approx(0.1, rel=0.05)
    assert ratio.mean().item() == pytest.approx(0.0, abs=0.01)


def test_bottlenecks_are_those_of_everybody_in_order(tmp_path, base):
    people = DrawnPeople(count=70, folder=tmp_path / "drawn")  # more than one batch, the last one padded
    packed = PackedPeople([pack(read(people), tmp_path / "pack", nano_recipe(tmp_path).packing)], (64, 64))
    network = PoseNetwork(SQUEEZED, Heatmap(), LSP)
    plain, _ = load_weights(base)
    network.model.load_state_dict(plain.model.state_dict(), strict=False)
    found = stored(network, packed, tmp_path / "kept/train", "cpu")
    assert {name: array.shape for name, array in found.items()} == {"stack0.bottleneck": (70, 16, 4, 4), "stack1.bottleneck": (70, 16, 4, 4)}
    with recorded(plain.model.taps()) as expected, torch.no_grad():
        plain(collate([packed[(0, 69)], packed[(0, 3)]]).images)
    for name, array in found.items():  # of the second stack too: the untaught autoencoder before it is passed by
        np.testing.assert_allclose(array[[69, 3]], expected[name].numpy(), rtol=1e-4, atol=1e-5)
    again = stored(PoseNetwork(SQUEEZED, Heatmap(), LSP), packed, tmp_path / "kept/train", "cpu")
    assert np.array_equal(again["stack0.bottleneck"], found["stack0.bottleneck"]), "computed once"


def test_a_linear_autoencoder_may_start_as_principal_components():
    rng = np.random.default_rng(0)
    flat = (rng.standard_normal((40, 5)) @ rng.standard_normal((5, 64)) + 0.1 * rng.standard_normal((40, 64)) + 3).astype(np.float32)
    bottlenecks = {"stack0.bottleneck": flat.reshape(40, 4, 4, 4)}
    taught = nn.ModuleDict({"stack0": SqueezingAutoencoder(Autoencoder(code=5, linear=True), (4, 4, 4))})
    autoencoding._start_from_components(taught, bottlenecks)
    rebuilt = taught["stack0"](torch.from_numpy(bottlenecks["stack0.bottleneck"])).detach().numpy().reshape(40, -1)
    pca = PCA(5).fit(flat)
    np.testing.assert_allclose(rebuilt, pca.inverse_transform(pca.transform(flat)), atol=1e-3)
    with pytest.raises(UsageError, match="Lower"):
        autoencoding._start_from_components(taught, {"stack0.bottleneck": bottlenecks["stack0.bottleneck"][:4]})


def test_components_are_better_than_chance_from_the_first_epoch(tmp_path, base):
    for start in ("chance", "pca"):
        teach(tmp_path, base, start, model=LINEAR, stage=STAGE.model_copy(update={"epochs": 1, "start": start, "optimiser": Sgd(learning_rate=1e-6)}))
    assert losses(tmp_path / "pca")[0] < 0.5 * losses(tmp_path / "chance")[0]


def test_weights_that_have_an_autoencoder_are_not_taught_again(tmp_path, shared, whole):
    taught = shutil.copy(whole / "best.safetensors", shared / "taught.safetensors")
    shutil.copy(whole / "best.json", shared / "taught.json")
    go(tmp_path, str(taught), "again")
    assert not (tmp_path / "again/autoencoder").exists()


def test_bottlenecks_left_by_other_weights_are_not_used(tmp_path, base, shared):
    teach(tmp_path, base, "fresh")
    torch.manual_seed(8)
    save_weights(shared / "other.safetensors", PoseNetwork(NANO, Heatmap(), LSP), {})
    with pytest.raises(TrainingError):
        teach(tmp_path, str(shared / "other.safetensors"), stage=STAGE.model_copy(update={"optimiser": Sgd(learning_rate=1e20)}))
    assert list((tmp_path / "run/autoencoder").glob("*.npy"))
    teach(tmp_path, base)
    assert losses(tmp_path / "run") == losses(tmp_path / "fresh")


def test_a_frozen_hourglass_still_gets_its_autoencoder(tmp_path, base):
    go(tmp_path, base, freeze=("hourglasses",))
    assert losses(tmp_path / "run")[-1] < losses(tmp_path / "run")[0]


def test_what_cannot_be_is_refused(tmp_path, base):
    with pytest.raises(UsageError, match="--init"):
        go(tmp_path, None)
    with pytest.raises(ValidationError, match="needs a model with an autoencoder"):
        nano_recipe(tmp_path, autoencoder_training=STAGE)
    with pytest.raises(ValidationError, match="linear"):
        nano_recipe(tmp_path, model=SQUEEZED, autoencoder_training=AutoencoderTraining(start="pca"))
    with pytest.raises(TrainingError, match="not finite"):
        teach(tmp_path, base, stage=STAGE.model_copy(update={"optimiser": Sgd(learning_rate=1e20)}))
