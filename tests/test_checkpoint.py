import errno
import hashlib
import json
import os
import pickle
from contextlib import suppress
from pathlib import Path

import pytest
import safetensors.torch
import torch

from glasspose import checkpoint, files
from glasspose.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights, shipped_weights
from glasspose.configs.codecs import Heatmap
from glasspose.configs.framing import Framing
from glasspose.configs.models import Hourglass
from glasspose.errors import InputError, WeightsError
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP

SMALL = Hourglass(input_size=(32, 32), channels=8, depth=1, stacks=1)


pytestmark = pytest.mark.usefixtures("one_thread")


def tensors(seed=0):
    chance = torch.Generator().manual_seed(seed)
    return {"model.a": torch.randn(40, 25, generator=chance), "model.count": torch.tensor(seed), "half": torch.ones(3).bfloat16() * seed}


def saved(folder, count=2):
    """Checkpoints 1 to `count`, so that the last one and the one before are there."""
    for number in range(1, count + 1):
        save_checkpoint(folder, tensors(number), {"number": number, "history": [{"pck": 0.1 + 0.2, "loss": 1e-300}]})


def number_in(folder):
    """Which checkpoint loads; its tensors have to be those that were saved with it, bit for bit."""
    found, state = load_checkpoint(folder)
    expected = tensors(state["number"])
    assert set(found) == set(expected)
    assert all(torch.equal(found[key], expected[key]) and found[key].dtype == expected[key].dtype for key in expected)
    return state["number"]


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path):
    saved(tmp_path, 3)
    assert number_in(tmp_path) == 3
    assert load_checkpoint(tmp_path)[1]["history"] == [{"pck": 0.1 + 0.2, "loss": 1e-300}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "previous.ckpt"]
    (tmp_path / "last.ckpt").unlink()
    assert number_in(tmp_path) == 2


def test_tensors_that_are_not_contiguous_come_back(tmp_path):
    value = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)
    save_checkpoint(tmp_path, {"value": value}, {})
    assert torch.equal(load_checkpoint(tmp_path)[0]["value"], value)


def test_a_flipped_bit_is_always_noticed(tmp_path):
    saved(tmp_path)
    whole = (tmp_path / "last.ckpt").read_bytes()
    places = [*range(66), *range(66, len(whole), 509), len(whole) - 1]
    for place in places:
        (tmp_path / "last.ckpt").write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        assert number_in(tmp_path) == 1, place
    (tmp_path / "last.ckpt").write_bytes(whole)
    assert number_in(tmp_path) == 2


def test_a_shortened_or_lengthened_file_is_always_noticed(tmp_path):
    saved(tmp_path)
    whole = (tmp_path / "last.ckpt").read_bytes()
    for length in [*range(0, len(whole), 200), len(whole) - 1]:
        (tmp_path / "last.ckpt").write_bytes(whole[:length])
        assert number_in(tmp_path) == 1, length
    (tmp_path / "last.ckpt").write_bytes(whole + b"\0")
    assert number_in(tmp_path) == 1


@pytest.mark.parametrize("damaged", [False, True])
def test_nothing_to_load_is_one_line(tmp_path, damaged):
    if damaged:
        (tmp_path / "last.ckpt").write_bytes(b"0" * 500)
        (tmp_path / "previous.ckpt").mkdir()
    with pytest.raises(WeightsError, match=r"last\.ckpt is (damaged|not there)") as problem:
        load_checkpoint(tmp_path)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("payload", [b"", b"\xff" * 8, b"\0" * 8, (2**63).to_bytes(8, "little") + b"{}", (10).to_bytes(8, "little") + b"[" * 5000])
def test_a_payload_that_is_no_checkpoint_is_refused_though_its_checksum_is_right(tmp_path, payload):
    (tmp_path / "last.ckpt").write_bytes(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
    with pytest.raises(WeightsError):
        load_checkpoint(tmp_path)


def test_a_state_that_is_no_mapping_is_refused(tmp_path):
    payload = safetensors.torch.save({"a": torch.ones(1)}, {"state": "[1, 2]"})
    (tmp_path / "last.ckpt").write_bytes(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
    with pytest.raises(WeightsError, match="not a checkpoint"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_never_saved(tmp_path, value):
    saved(tmp_path)
    with pytest.raises(WeightsError, match=r"model\.a"):
        save_checkpoint(tmp_path, {"model.a": torch.tensor([1.0, value])}, {})
    assert number_in(tmp_path) == 2


class Crash(BaseException):
    """The machine stops here: nothing that would tidy up runs as for an exception that is caught."""


def crash_at(monkeypatch, step, problem):
    """Let every call of the operating system that a save makes count; the one of number `step` fails. Returns the calls."""
    calls = []

    def counted(module, name):
        real = getattr(module, name)

        def call(*arguments, **named):
            calls.append(name)
            if len(calls) == step + 1:
                raise problem
            return real(*arguments, **named)

        monkeypatch.setattr(module, name, call)

    for name in ("replace", "fsync", "rename"):
        counted(os, name)
    return calls


@pytest.mark.parametrize("problem", [Crash(), OSError(errno.EIO, "Input/output error")])
@pytest.mark.parametrize(("damaged", "steps"), [(False, ["fsync", "replace", "replace", "fsync"]), (True, ["fsync", "replace", "fsync"])])
def test_after_a_crash_at_any_step_a_checkpoint_loads(tmp_path, monkeypatch, problem, damaged, steps):
    """Also where the last one had been damaged, so that the run went on from the one before."""
    for step in range(len(steps) + 1):
        folder = tmp_path / f"at{step}"
        saved(folder)
        if damaged:
            (folder / "last.ckpt").write_bytes(b"damaged")
        with monkeypatch.context() as patched, suppress(Crash, InputError):
            calls = crash_at(patched, step, problem)
            save_checkpoint(folder, tensors(3), {"number": 3})
        assert calls == steps[: step + 1]
        assert number_in(folder) in ((1, 3) if damaged else (2, 3)), step
        save_checkpoint(folder, tensors(4), {"number": 4})
        assert number_in(folder) == 4


def test_a_full_disk_is_one_line_and_leaves_everything_as_it_was(tmp_path, monkeypatch):
    saved(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    opened = Path.open

    def full(path, mode="r", *rest, **named):
        file = opened(path, mode, *rest, **named)
        if "w" in mode:
            file.close()
            file = opened(Path("/dev/full"), "wb")
        return file

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InputError, match=r"No space left on device.*bytes are needed"):
        save_checkpoint(tmp_path, tensors(3), {"number": 3})
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def weights(folder, name="small", **card):
    torch.manual_seed(0)
    network = PoseNetwork(SMALL, Heatmap(sigma=1.5), LSP)
    save_weights(folder / f"{name}.safetensors", network, card)
    return network


def change_card(folder, name="small", **changes):
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_tensors(folder, change):
    """Other tensors, with the right checksum in the card."""
    path = folder / "small.safetensors"
    payload = safetensors.torch.save(change(safetensors.torch.load(path.read_bytes())))
    path.write_bytes(payload)
    change_card(folder, sha256=hashlib.sha256(payload).hexdigest())


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_weights_come_back_in_half_precision(tmp_path, suffix):
    network = weights(tmp_path, epoch=3)
    loaded, card = load_weights(tmp_path / f"small.{suffix}")
    assert (card["epoch"], card["name"], loaded.training) == (3, "small", False)
    assert (loaded.model_config, loaded.codec_config, loaded.skeleton) == (SMALL, Heatmap(sigma=1.5), LSP)
    for key, value in network.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[key], value.half().to(value.dtype)), key


def test_numbers_beyond_half_precision_are_kept(tmp_path):
    network = PoseNetwork(SMALL, Heatmap(), LSP)
    network.model.stem[1].running_var.fill_(1e6)
    save_weights(tmp_path / "large.safetensors", network, {})
    assert load_weights(tmp_path / "large.safetensors")[0].model.stem[1].running_var[0] == 1e6


def test_what_ships_loads():
    for name in shipped_weights():
        network, card = load_weights(name)
        assert card["name"] == name
        assert not network.training


CARDS = {
    "another format": {"format": "something"},
    "another version": {"version": 2},
    "unknown key": {"model": {**SMALL.model_dump(mode="json"), "wings": 2}},
    "another model": {"model": {**SMALL.model_dump(mode="json"), "channels": 16}},
    "more stacks": {"model": {**SMALL.model_dump(mode="json"), "stacks": 2}},
    "impossible model": {"model": {**SMALL.model_dump(mode="json"), "depth": -1}},
    "model is a list": {"model": []},
    "no codec": {"codec": None},
    "codec of an unknown kind": {"codec": {"kind": "os.system"}},
    "no skeleton": {"skeleton": {}},
    "impossible framing": {"packing": {"margin": 0}},
    "framing is a list": {"packing": [1]},
    "another skeleton": {"skeleton": {**LSP.to_json(), "keypoints": ["a", "b"], "pairs": [], "limbs": [], "torso": None, "head": None}},
    "checksum": {"sha256": "0" * 64},
    "checksum is a number": {"sha256": 5},
}


@pytest.mark.parametrize("changes", CARDS.values(), ids=CARDS)
def test_a_card_that_does_not_fit_is_refused(tmp_path, changes):
    weights(tmp_path)
    change_card(tmp_path, **changes)
    with pytest.raises(WeightsError) as problem:
        load_weights(tmp_path / "small.safetensors")
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("framing", [Framing(), Framing(margin=1.5), Framing(framing="squash")])
def test_a_card_keeps_an_unusual_framing(tmp_path, framing):
    """And loses one that was there before."""
    network = PoseNetwork(SMALL, Heatmap(), LSP, framing)
    save_weights(tmp_path / "small.safetensors", network, {"packing": {"margin": 3.0}})
    loaded, card = load_weights(tmp_path / "small.safetensors")
    assert loaded.framing == loaded.around(loaded.model).framing == framing
    assert ("packing" in card) == (framing != Framing())


def test_a_card_that_describes_a_giant_costs_no_memory(tmp_path, monkeypatch):
    weights(tmp_path)
    change_card(tmp_path, model={**SMALL.model_dump(mode="json"), "channels": 64})
    built = []
    monkeypatch.setattr(checkpoint, "PoseNetwork", lambda *described: built.append(PoseNetwork(*described)) or built[-1])
    with pytest.raises(WeightsError, match="does not fit"):
        load_weights(tmp_path / "small.safetensors")
    assert [{p.device.type for p in network.parameters()} for network in built] == [{"meta"}]


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[]", b"{}", b"[" * 100_000, b"null"])
def test_a_missing_or_broken_card_is_refused(tmp_path, content):
    weights(tmp_path)
    (tmp_path / "small.json").unlink()
    if content is not None:
        (tmp_path / "small.json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"small\.json"):
        load_weights(tmp_path / "small.safetensors")


def test_a_card_may_lack_what_only_informs(tmp_path):
    weights(tmp_path)
    card = json.loads((tmp_path / "small.json").read_text())
    (tmp_path / "small.json").write_text(json.dumps({key: value for key, value in card.items() if key != "name"}))
    assert load_weights(tmp_path / "small.safetensors")[1]["name"] == "small"


TENSORS = {
    "one is missing": lambda t: {k: v for k, v in t.items() if k != "stem.0.bias"},
    "one too many": lambda t: {**t, "more": torch.ones(1)},
    "another shape": lambda t: {**t, "stem.0.bias": torch.ones(3)},
    "a scalar": lambda t: {**t, "stem.0.bias": torch.tensor(1.0)},
    "NaN": lambda t: {**t, "stem.0.bias": t["stem.0.bias"] * float("nan")},
    "infinite": lambda t: {**t, "stem.0.bias": t["stem.0.bias"] + float("inf")},
    "infinite after conversion": lambda t: {**t, "stem.0.bias": t["stem.0.bias"].double() + 1e300},
    "NaN of eight bits": lambda t: {**t, "stem.0.bias": (t["stem.0.bias"] * float("nan")).to(torch.float8_e4m3fn)},
    "NaN, complex": lambda t: {**t, "stem.0.bias": (t["stem.0.bias"] * float("nan")).to(torch.complex64)},
    "nothing": lambda t: {},
}


@pytest.mark.parametrize("change", TENSORS.values(), ids=TENSORS)
def test_tensors_that_do_not_fit_are_refused(tmp_path, change):
    weights(tmp_path)
    change_tensors(tmp_path, change)
    with pytest.raises(WeightsError):
        load_weights(tmp_path / "small.safetensors")


def test_a_damaged_weight_file_is_refused(tmp_path):
    weights(tmp_path)
    path = tmp_path / "small.safetensors"
    whole = path.read_bytes()
    header = (2**63).to_bytes(8, "little") + whole[8:]
    for content in (header, b"", b"\xff" * 16, *(whole[:n] for n in range(1, len(whole), 1500))):
        path.write_bytes(content)
        for sha256 in ("0" * 64, hashlib.sha256(content).hexdigest()):  # the second: made so on purpose
            change_card(tmp_path, sha256=sha256)
            with pytest.raises(WeightsError):
                load_weights(path)


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (str(self.place),))


@pytest.mark.parametrize("suffix", ["pt", "pth", "pkl", "ckpt", "bin", "safetensors"])
@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_a_pickle_is_never_executed(tmp_path, suffix, how):
    bomb = Bomb()
    bomb.place = tmp_path / "executed"
    weights(tmp_path)
    path = tmp_path / f"small.{suffix}"
    path.write_bytes(pickle.dumps(bomb))
    if how == "torch":
        torch.save(bomb, path)
    change_card(tmp_path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(WeightsError):
        load_weights(path)
    (tmp_path / "last.ckpt").write_bytes(path.read_bytes())
    with pytest.raises(WeightsError):
        load_checkpoint(tmp_path)
    assert not bomb.place.exists()


@pytest.mark.parametrize(
    "name", ["nobody", "../nobody", "", ".", "/", "a" * 5000, "a" * 5000 + ".json", "a\0b", "nobody.safetensors", "nobody.pt", "a" * 5000 + ".pt"]
)
def test_weights_that_are_not_there_are_one_line(name):
    with pytest.raises(WeightsError, match="no weights"):
        load_weights(name)


def test_weights_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "sync_folder", lambda folder: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    with pytest.raises(InputError, match="broken"):
        weights(tmp_path)
    assert not list(tmp_path.glob("*.tmp"))
    assert checkpoint.finite(float("nan")) is None
    assert checkpoint.finite(1.5) == 1.5


def test_the_best_weights_of_a_run_are_called_as_the_run(tmp_path, monkeypatch):
    (tmp_path / "star").mkdir()
    network, card = weights(tmp_path), {}
    save_weights(tmp_path / "star" / "best.safetensors", network, card)
    monkeypatch.chdir(tmp_path / "star")
    assert load_weights("best.safetensors")[1]["name"] == "star"
    save_weights(Path("best-1.safetensors"), network, card)
    assert load_weights("best-1.safetensors")[1]["name"] == "best-1"
