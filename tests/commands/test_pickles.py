"""Pickles in every wrapping, given to every verb that opens a file: nothing is executed, and the answer is one line."""

import hashlib
import json
import pickle
from pathlib import Path

import pytest

from commands_for_tests import DRAWN
from glasspose.__main__ import DATA_VERBS, EXPLAIN_VERBS, VERBS
from hostile_for_tests import payloads, watched

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")

OPENS_NO_FILE = {"bench", "demo", "doctor", "data download", "explain selftest", "serve"}
"""The workers of `serve` open weights in processes of their own, by the loader that `predict` uses."""


def weights(content, nano_weights, suffix):
    """The content as weights with a card that has the right checksum."""
    path = Path(f"w{suffix}")
    path.write_bytes(content)
    card = json.loads(nano_weights.with_suffix(".json").read_bytes())
    Path("w.json").write_text(json.dumps({**card, "sha256": hashlib.sha256(content).hexdigest()}))
    return path


def folder(content, name):
    """A dataset whose label file is the content."""
    path = Path("set") / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path.parent


def run_to_resume(content):
    place = Path("run")
    place.mkdir(exist_ok=True)
    (place / "last.ckpt").write_bytes(content)
    return place


COMMANDS = {
    "predict": lambda c, w: ["predict", "a.png", "--weights", weights(c, w, ".pt")],
    "predict: safetensors": lambda c, w: ["predict", "a.png", "--weights", weights(c, w, ".safetensors")],
    "predict: picture": lambda c, w: ["predict", folder(c, "a.jpg") / "a.jpg", "--weights", w],
    "predict: boxes": lambda c, w: ["predict", "a.png", "--weights", w, "--boxes", folder(c, "b.json") / "b.json"],
    "predict: exported": lambda c, w: ["predict", weights(c, w, ".onnx"), "a.png"],
    "export": lambda c, w: ["export", weights(c, w, ".pt")],
    "evaluate": lambda c, w: ["evaluate", weights(c, w, ".pth"), *DRAWN],
    "compare": lambda c, w: ["compare", weights(c, w, ".bin"), *DRAWN],
    "compare: evaluations": lambda c, w: ["compare", folder(c, "e.json") / "e.json", folder(c, "f.json") / "f.json"],
    "train": lambda c, w: ["train", folder(c, "r.yaml") / "r.yaml"],
    "tune": lambda c, w: ["tune", folder(c, "r.yaml") / "r.yaml", "--choose", "epochs=1,2"],
    "train: from": lambda c, w: ["train", "recipe.yaml", "--init", weights(c, w, ".pkl"), "--out", "new"],
    "train: resumed": lambda c, w: ["train", "recipe.yaml", "--resume", "--out", run_to_resume(c)],
    "data check": lambda c, w: ["data", "check", "--data.kind", "lspet", "--data.root", folder(c, "joints.mat"), "--data.split", "all"],
    "data stats": lambda c, w: ["data", "stats", "--data.kind", "coco_labels", "--data.root", folder(c, "all_keypoint_labels_2017.npz")],
    "data show": lambda c, w: ["data", "show", "--data.kind", "flic", "--data.root", folder(c, "train.h5")],
    "data split": lambda c, w: ["data", "split", "--data.kind", "mpii", "--data.root", folder(c, "mpii_annotations.json.gz")],
    "data pack": lambda c, w: ["data", "pack", "--data.kind", "coco", "--data.root", folder(c, "l.json"), "--data.annotations", "l.json"],
    "data stats: release": lambda c, w: ["data", "stats", "--data.kind", "mpii", "--data.labels", "m.mat", "--data.root", folder(c, "m.mat")],
}
COMMANDS |= {
    f"explain {question}": lambda c, w, question=question: ["explain", question, weights(c, w, ".pt"), *DRAWN]
    for question in EXPLAIN_VERBS
    if f"explain {question}" not in OPENS_NO_FILE
}


def takes(number, command, every):
    """Whether a command gets a payload: one of `every`. Questions all open weights in the same way and get a quarter of those."""
    return (number + list(COMMANDS).index(command)) % (4 * every if command.startswith("explain") else every) == 0


@pytest.fixture
def warm(told, nano_weights):
    """Everything that a verb imports is imported, so that what happens later is the file's doing."""
    Path("recipe.yaml").write_text(
        "data: {kind: drawn_people, count: 4, folder: drawn}\nepochs: 1\nbatch: 2\nmodel: {input_size: [64, 64], channels: 8}\n"
    )
    for arguments in (make(b"nothing", nano_weights) for make in COMMANDS.values()):
        told(*arguments)


def test_every_verb_that_opens_files_is_given_pickles():
    verbs = {*VERBS, *(f"data {verb}" for verb in DATA_VERBS), *(f"explain {question}" for question in EXPLAIN_VERBS)}
    assert verbs - OPENS_NO_FILE == {name.partition(":")[0] for name in COMMANDS}


def test_the_eye_sees_what_a_pickle_does(tmp_path):
    """With the unsafe loader every wrapped call is seen or has left its mark: the test below could fail."""
    noticed = 0
    for _, content in list(payloads(tmp_path / "executed"))[:18]:
        with watched() as seen:
            made = pickle.loads(content)
        if hasattr(made, "wait"):  # a process
            made.wait()
        noticed += bool(seen)
    assert noticed == 18
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_no_verb_executes_a_pickle(told, warm, nano_weights, tmp_path, every):
    canary = tmp_path / "executed"
    given = dict(payloads(canary))
    assert len(given) >= 40
    answers = 0
    for number, (name, content) in enumerate(given.items()):
        for command, make in ((command, make) for command, make in COMMANDS.items() if takes(number, command, every)):
            arguments = make(content, nano_weights)
            with watched() as seen:
                code, _, err = told(*arguments)
            assert not seen, (name, command, seen)
            assert not canary.exists(), (name, command)
            assert code in (2, 5), (name, command, code, err)
            answers += 1
    print(f"{len(given)} payloads, {answers} commands, nothing executed")
    assert answers > 16 * len(given) / every
