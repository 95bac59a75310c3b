import csv
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch

from glasspose import training
from glasspose.checkpoint import load_checkpoint, load_weights
from glasspose.codecs.heatmap import HeatmapCodec
from glasspose.configs.augmentation import ELSEWHERE, Augmentation
from glasspose.configs.data import DrawnPeople
from glasspose.configs.models import Hourglass
from glasspose.configs.training import AdamW, Plateau, RmsProp, Sgd, Step
from glasspose.errors import MissingError, TrainingError, UsageError
from glasspose.training import train
from recipes_for_tests import nano_recipe

SRC = Path(__file__).parents[1] / "src"


pytestmark = pytest.mark.usefixtures("one_thread")


def go(tmp_path, name="run", resume=False, **changes):
    return train(nano_recipe(tmp_path, **changes), out=tmp_path / name, packs=tmp_path / "packs", resume=resume)


def rows(folder):
    return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))


def fingerprint(folder):
    tensors, state = load_checkpoint(folder)
    content = b"".join(key.encode() + tensor.numpy().tobytes() for key, tensor in sorted(tensors.items()))
    return hashlib.sha256(content + repr(state).encode()).hexdigest(), (folder / "log.csv").read_bytes()


def stop_at(monkeypatch, step):
    """Ask for a stop after so many steps, as Ctrl-C would."""
    calls = []
    real = training.step

    def counting(*arguments):
        calls.append(1)
        if len(calls) == step:
            signal.raise_signal(signal.SIGINT)
        return real(*arguments)

    monkeypatch.setattr(training, "step", counting)


def test_the_loss_falls_and_everything_is_written(tmp_path):
    trained = go(tmp_path, epochs=6, ema=0.5, clip=1.0)
    assert trained.history[-1]["train/loss"] < 0.95 * trained.history[0]["train/loss"]
    log = rows(tmp_path / "run")
    assert [row["epoch"] for row in log] == ["1", "2", "3", "4", "5", "6"]
    assert {"train/loss/stack0", "train/pck/stack1", "validation/pck/stack1"} <= set(log[0])
    for name in ("recipe.yaml", "first_batch.jpg", "last.ckpt", "previous.ckpt", "best.safetensors", "best.json"):
        assert (tmp_path / "run" / name).exists(), name
    assert list((tmp_path / "run/tensorboard").iterdir())


def test_the_best_weights_are_those_of_the_best_epoch(tmp_path):
    trained = go(tmp_path, epochs=3)
    _, card = load_weights(tmp_path / "run/best.safetensors")
    assert card["epoch"] == trained.best_epoch
    assert card["validation"]["validation/pck"] == max(row["validation/pck"] for row in trained.history)


def test_the_lowest_loss_may_choose_the_best_epoch(tmp_path):
    trained = go(tmp_path, epochs=4, best_by="loss", snapshots=(2, 3))
    best = min(trained.history, key=lambda row: row["validation/loss"])
    assert trained.best_epoch == best["epoch"]
    assert load_weights(tmp_path / "run/best.safetensors")[1]["epoch"] == best["epoch"]
    kept = sorted((tmp_path / "run/snapshots").glob("*.safetensors"))
    assert [path.stem for path in kept] == ["epoch0002", "epoch0003"]
    _, card = load_weights(kept[1])
    assert (card["epoch"], card["validation"]) == (3, trained.history[2])
    assert card["calibration"]
    assert cv2.imread(str(tmp_path / "run/curves.png")) is not None


def test_keypoints_without_a_unit_of_pck_are_judged_by_their_loss(tmp_path, monkeypatch, capsys):
    real = training.read

    def without_torso(data):
        dataset = real(data)
        people = [replace(person, torso=None) for person in dataset.annotations]
        return replace(dataset, skeleton=replace(dataset.skeleton, torso=None), annotations=people)

    monkeypatch.setattr(training, "read", without_torso)
    trained = go(tmp_path, epochs=3)
    assert {row["validation/pck"] for row in trained.history} == {0.0}
    assert trained.best_epoch == min(trained.history, key=lambda row: row["validation/loss"])["epoch"] > 1
    assert "data.torso" in capsys.readouterr().err


@pytest.mark.parametrize("step", [2, 3, 5])
def test_a_run_stopped_anywhere_goes_on_to_the_same_bits(tmp_path, monkeypatch, step):
    go(tmp_path, "whole", ema=0.9)
    stop_at(monkeypatch, step)
    with pytest.raises(SystemExit) as stopped:
        go(tmp_path, "stopped", ema=0.9)
    assert stopped.value.code == 130
    monkeypatch.undo()
    go(tmp_path, "stopped", ema=0.9, resume=True)
    assert fingerprint(tmp_path / "stopped") == fingerprint(tmp_path / "whole")


def test_a_run_with_its_pack_on_the_device_goes_on_to_the_same_bits_too(tmp_path, monkeypatch):
    views = Augmentation(**dict.fromkeys(ELSEWHERE, 0))
    go(tmp_path, "whole", on_device=True, augmentation=views)
    stop_at(monkeypatch, 3)
    with pytest.raises(SystemExit):
        go(tmp_path, "stopped", on_device=True, augmentation=views)
    monkeypatch.undo()
    go(tmp_path, "stopped", on_device=True, augmentation=views, resume=True)
    assert fingerprint(tmp_path / "stopped") == fingerprint(tmp_path / "whole")
    go(tmp_path, "host", augmentation=views)
    assert fingerprint(tmp_path / "host") != fingerprint(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.timeout(1200)  # compiling takes a minute of CPU time
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="no C++ compiler, which torch.compile needs on a CPU")
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_step_learns_what_the_eager_one_learns(tmp_path):
    """And leaves the same files with the same names in them: a run may go on without it."""
    small = {"model": Hourglass(input_size=(64, 64), channels=8, depth=1, stacks=1), "data": DrawnPeople(count=8, folder=tmp_path / "drawn")}
    eager, compiled = go(tmp_path, "eager", epochs=1, **small), go(tmp_path, "compiled", epochs=1, compiled=True, **small)
    assert compiled.history[0]["train/loss"] == pytest.approx(eager.history[0]["train/loss"], rel=1e-3)
    (one, card), (other, same) = (load_weights(tmp_path / name / "best.safetensors") for name in ("eager", "compiled"))
    assert {key: value.shape for key, value in one.state_dict().items()} == {key: value.shape for key, value in other.state_dict().items()}
    assert card.keys() == same.keys()
    kept = [load_checkpoint(tmp_path / name)[0].keys() for name in ("eager", "compiled")]
    assert kept[0] == kept[1]
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(one(images), other(images), atol=5e-3)
    assert len(go(tmp_path, "compiled", resume=True, **small).history) == 2  # without it


@pytest.mark.parametrize(("device", "needed"), [("cpu", "C\\+\\+ compiler"), ("cuda", "Triton")])
def test_what_compiling_needs_is_named(monkeypatch, device, needed):
    from glasspose import network

    monkeypatch.setattr(network.shutil, "which", lambda name: None)
    monkeypatch.setattr(network, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=f"{needed}.*leave compiled out"):
        network.compiled(None, torch.device(device))


def test_the_result_depends_on_the_seed_and_on_nothing_else(tmp_path):
    for name, changes in (("one", {}), ("same", {"workers": 1}), ("other", {"seed": 1})):
        go(tmp_path, name, epochs=1, **changes)
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "same")
    assert fingerprint(tmp_path / "one")[0] != fingerprint(tmp_path / "other")[0]


def test_micro_batches_give_the_gradient_of_the_whole_batch(tmp_path, monkeypatch):
    freeze_statistics(monkeypatch)
    losses = [[row["train/loss"] for row in go(tmp_path, f"m{m}", micro_batch=m).history] for m in (None, 4, 2)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert losses[2] == pytest.approx(losses[0], rel=1e-5)


def freeze_statistics(monkeypatch):
    """Batch norm with fixed statistics, so that a person's loss does not depend on the company."""
    start = training.start

    def without(*arguments):
        run, story = start(*arguments)
        for module in run.network.model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 0.0
                module.train = lambda mode=True, module=module: torch.nn.Module.train(module, False)
        return run, story

    monkeypatch.setattr(training, "start", without)


def test_a_run_is_never_overwritten(tmp_path):
    go(tmp_path, epochs=1)
    with pytest.raises(UsageError, match="--resume"):
        go(tmp_path, epochs=1)


def test_gradients_that_are_not_finite_end_the_run_and_spoil_nothing(tmp_path, monkeypatch):
    losses = HeatmapCodec.losses
    calls = []

    def spoiled(self, output, *rest):
        calls.append(1)
        return losses(self, output, *rest) * (float("nan") if len(calls) > 6 and output.requires_grad else 1.0)

    monkeypatch.setattr(HeatmapCodec, "losses", spoiled)
    with pytest.raises(TrainingError, match="not finite for 10 steps"):
        go(tmp_path, epochs=9)
    tensors, _ = load_checkpoint(tmp_path / "run")
    assert all(t.isfinite().all() for t in tensors.values())


def test_a_collapse_is_reported_with_causes_within_an_epoch(tmp_path, capfd):
    go(tmp_path, epochs=3, batch=1, optimiser=AdamW(learning_rate=1e-9))
    said = " ".join(capfd.readouterr().err.split())
    assert "COLLAPSED" in said
    assert "learning rate" in said


def test_a_healthy_run_is_not_called_collapsed(tmp_path, capfd):
    go(tmp_path, epochs=3, batch=1, data=DrawnPeople(count=40, folder=tmp_path / "drawn"))
    assert "COLLAPSED" not in capfd.readouterr().err


def test_early_stop_ends_a_run_that_no_longer_grows(tmp_path):
    trained = go(tmp_path, epochs=9, early_stop=1, optimiser=AdamW(learning_rate=1e-12))
    assert len(trained.history) == 2


@pytest.mark.parametrize(
    "changes",
    [{"optimiser": RmsProp(learning_rate=1e-3), "schedule": Step(epochs=(2,))}, {"optimiser": Sgd(learning_rate=1e-3), "schedule": Plateau()}],
)
def test_every_optimiser_and_schedule_runs(tmp_path, changes):
    assert len(go(tmp_path, **changes).history) == 2


def test_fine_tuning_copies_by_name_and_freezes(tmp_path, capfd):
    go(tmp_path, "base", epochs=1)
    base, _ = load_weights(tmp_path / "base/best.safetensors")
    recipe = nano_recipe(tmp_path, epochs=1)
    train(recipe, out=tmp_path / "tuned", packs=tmp_path / "packs", init=str(tmp_path / "base/best.safetensors"), freeze=("stem",))
    tuned, _ = load_weights(tmp_path / "tuned/best.safetensors")
    before, after = base.model.state_dict(), tuned.model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before if key.startswith("stem"))
    assert not torch.equal(before["heads.0.weight"], after["heads.0.weight"])
    assert "head by keypoint name" in capfd.readouterr().err


SCRIPT = """
import json, sys
from pathlib import Path
import torch
from torch import nn
sys.path.insert(0, sys.argv[1])
from glasspose import network, training
from glasspose.configs.data import DrawnPeople
from glasspose.configs.models import Hourglass
from glasspose.evaluation import evaluate
from recipes_for_tests import nano_recipe

def without_norm(build):
    def built(*arguments):
        model = build(*arguments)
        for module in list(model.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, nn.GroupNorm(1, child.num_features))
        return model
    return built

if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, out, what = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    if what in ("plain", "weighted"):
        network.build_model = without_norm(network.build_model)
    if what == "evaluate":
        report = evaluate(folder / "base/best.safetensors", DrawnPeople(count=21, folder=folder / "drawn"), batch=4)
        out.with_suffix(f".{torch.distributed.get_rank() if torch.distributed.is_initialized() else 0}").write_text(json.dumps(report))
    else:
        recipe = nano_recipe(folder, weights=folder / "weights.json") if what == "weighted" else nano_recipe(folder)
        training.train(recipe, out=out, packs=folder / "packs")
"""


def run_processes(tmp_path, processes, name, what):
    """The same work in so many processes, started by torchrun."""
    script = tmp_path / "work.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--master-port", "0", "--standalone", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}
    arguments = [str(Path(__file__).parent), str(tmp_path), str(tmp_path / name), what]
    done = subprocess.run([*command, *arguments], env=environment, timeout=250, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("what", "tolerance"), [("plain", 1e-5), ("normed", 0.05)])
def test_two_processes_have_the_loss_trace_of_one(tmp_path, what, tolerance):
    """Without batch norm within 1e-5; with it, each process normalises its own half of the batch."""
    for processes in (1, 2):
        run_processes(tmp_path, processes, f"p{processes}", what)
    one, two = rows(tmp_path / "p1"), rows(tmp_path / "p2")
    assert [float(row["train/loss"]) for row in two] == pytest.approx([float(row["train/loss"]) for row in one], rel=tolerance)
    assert [float(row["train/zero_loss"]) for row in two] == pytest.approx([float(row["train/zero_loss"]) for row in one], rel=1e-6)


@pytest.mark.slow
def test_two_processes_evaluate_to_the_same_bits_as_one(tmp_path):
    go(tmp_path, "base", epochs=1)
    for processes in (1, 2):
        run_processes(tmp_path, processes, f"p{processes}", "evaluate")
    assert (tmp_path / "p1.0").read_text() == (tmp_path / "p2.0").read_text() == (tmp_path / "p2.1").read_text()


def test_learned_parts_of_a_codec_and_dropout_go_on_to_the_same_bits(tmp_path, monkeypatch):
    """RLE's flow is in the checkpoint, and what dropout leaves out is a function of the step."""
    from glasspose.configs.codecs import Rle
    from networks_for_tests import MODELS

    changes = {"model": MODELS["deeppose"].model_copy(update={"input_size": (64, 64)}), "codec": Rle()}
    go(tmp_path, "whole", **changes)
    tensors, _ = load_checkpoint(tmp_path / "whole")
    flow = {key: value for key, value in tensors.items() if key.startswith("codec.flow")}
    assert len(flow) == 72
    torch.manual_seed(0)
    stop_at(monkeypatch, 4)
    with pytest.raises(SystemExit):
        go(tmp_path, "stopped", **changes)
    monkeypatch.undo()
    earlier, _ = load_checkpoint(tmp_path / "stopped")
    assert not torch.equal(earlier["codec.flow.shifts.0.4.bias"], flow["codec.flow.shifts.0.4.bias"])
    go(tmp_path, "stopped", resume=True, **changes)
    assert fingerprint(tmp_path / "stopped") == fingerprint(tmp_path / "whole")
    _, card = load_weights(tmp_path / "whole/best.safetensors")
    assert card["codec"]["kind"] == "rle"


def test_pretrained_weights_are_asked_for_once(tmp_path, monkeypatch):
    """At the start of a run, not when it is resumed and not when its weights are read."""
    from glasspose.models.simple_baseline import SimpleBaselineNetwork
    from networks_for_tests import MODELS

    asked = []
    monkeypatch.setattr(SimpleBaselineNetwork, "load_pretrained", lambda self, *, download: asked.append(1) or "timm/resnet18.test")
    changes = {"model": MODELS["simple_baseline"].model_copy(update={"input_size": (64, 64), "pretrained": True}), "epochs": 1}
    go(tmp_path, "run", **changes)
    go(tmp_path, "run", resume=True, **changes)
    load_weights(tmp_path / "run/best.safetensors")
    assert asked == [1]
