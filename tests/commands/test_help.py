import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cv2
import pytest

from commands_for_tests import ROOT
from dots_for_tests import FIGURE, dot_picture
from glasspose.__main__ import DATA_VERBS, VERBS

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")
ALL_VERBS = {**VERBS, **{f"data {verb}": place for verb, place in DATA_VERBS.items()}}


HELPS = """
import contextlib, io, json, sys
from glasspose.__main__ import main
for words in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            main([*words, "--help"])
        except SystemExit as ended:
            assert not ended.code, words
    assert "Usage" in said.getvalue(), words
    heavy = {"torch", "cv2", "matplotlib", "lightning_fabric"} & set(sys.modules)
    assert not heavy, (words, heavy)
    print(json.dumps(said.getvalue()))
"""


@pytest.fixture(scope="module")
def helps():
    asked = [[], ["data"], *(verb.split() for verb in ALL_VERBS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "120"}
    command = [sys.executable, "-c", HELPS, json.dumps(asked)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip([" ".join(words) for words in asked], map(json.loads, done.stdout.splitlines()), strict=True))


def test_no_help_imports_torch(helps):
    assert len(helps) == len(ALL_VERBS) + 2


def test_help_lists_every_verb_and_the_exit_codes(helps):
    for verb in [*VERBS, "data", "Exit codes: 0 done, 2 usage"]:
        assert verb in helps[""]
    for verb in DATA_VERBS:
        assert verb in helps["data"]


def example(verb):
    module, function = ALL_VERBS[verb].split(":")
    return re.search(r"Example: glasspose (.+)", getattr(import_module(f"glasspose.commands.{module}"), function).__doc__).group(1)


@pytest.mark.parametrize("verb", ALL_VERBS)
def test_every_help_has_its_example(helps, verb):
    assert example(verb).startswith(verb)
    assert example(verb).split()[-1] in helps[verb]


@pytest.mark.parametrize("verb", [verb for verb in ALL_VERBS if verb not in ("train", "tune", "serve")])
def test_every_example_runs(verb, shipped, told):
    cv2.imwrite("photo.jpg", dot_picture(FIGURE))
    code, _, err = told(*example(verb).split())
    assert code == 0, err


@pytest.mark.slow
def test_the_example_of_training_runs(told, tmp_path, monkeypatch):
    words = example("train").split()
    assert (ROOT / words[1]).exists()
    code, _, err = told(words[0], ROOT / words[1], *words[2:])
    assert code == 0, err
    assert Path("glasspose-out/tour/best.safetensors").exists()


def test_the_version_is_told(told):
    code, out, _ = told("--version")
    assert code == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+", out.strip())


PREDICTS = """
import sys
from glasspose.__main__ import main
try:
    main(["predict", sys.argv[1], "--out", "found"])
except SystemExit as ended:
    assert not ended.code
print(sorted({"torch._dynamo", "scipy.optimize", "matplotlib", "timm", "onnxruntime"} & set(sys.modules)))
"""


def test_predicting_one_picture_imports_no_compiler_and_no_statistics():
    """Each costs a user seconds of waiting."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "GLASSPOSE_CACHE": "cache"}
    words = [sys.executable, "-c", PREDICTS, str(ROOT / "docs/images/portrait.jpg")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert Path("found/portrait.pose.json").exists()
