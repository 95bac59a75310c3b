"""How a command of a page is found, made small, and run as a reader would."""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from cyclopts import CycloptsError

import test_docs
from glasspose.__main__ import main
from glasspose.configs.reading import read_recipe
from test_recipes import SMALL

ROOT = Path(__file__).parents[1]
READY, STOPPED = 120, 143
"""Seconds until a service is ready; the code of one that SIGTERM ended."""


def lines_of(text):
    """(number, command) in the page's order: whole commands, and mentions in the text that leave nothing out."""
    with tempfile.TemporaryDirectory() as folder:
        found = [line for line, complete in dict(test_docs.commands(text)).items() if complete or _leaves_nothing_out(line, Path(folder))]
    return sorted((_number(text, line), line) for line in found)


def _leaves_nothing_out(line, folder):
    try:
        test_docs.parse(line, folder)
    except (CycloptsError, AssertionError):
        return False
    return True


def _number(text, line):
    """Of the line where the command begins; it may go on in the next ones."""
    pattern = r"[\s\\#]+".join(map(re.escape, line.split()))
    return text.count("\n", 0, re.search(rf"glasspose {pattern}[ \t]*(?=[#|`\n]|$)", text).start()) + 1


def matches(key, words):
    """Whether all words of a table's key stand in a command."""
    return {*key.split()} <= {*words}


def typed(line, smaller, others):
    """The words that are run: variables filled in, words exchanged, and options that make it small."""
    words = shlex.split(os.path.expandvars(line))
    for key, (old, new) in others.items():
        words = [new if word == old else word for word in words] if matches(key, words) else words
    if words[0] in ("train", "tune") and len(words) > 1 and words[1].startswith("recipes/"):
        given = {word for word in words if word.startswith("--")}
        words = with_options(words, {option: values for option, values in _small(read_recipe(ROOT / words[1])).items() if option not in given})
    for key, options in smaller.items():
        if matches(key, words):
            words = with_options(words, options)
    return words


def with_options(words, options):
    """With these at the end; what the command said of them before goes, for an option that stands twice is refused."""
    kept, drops = [], False
    for word in words:
        drops = word in options if word.startswith("--") else drops
        kept += [] if drops else [word]
    return kept + [word for option, values in options.items() for word in (option, *values.split())]


def _small(recipe):
    """Options that give a recipe of the package an epoch of a few steps of a small network, of the same kinds."""
    told = {"--epochs": "1", "--batch": "4", "--workers": "0", "--packing.size": "64"}
    told |= {"--data.count": "8"} if recipe.data.kind == "drawn_people" else {}
    told |= {"--model.autoencoder.code": "3", "--autoencoder-training.epochs": "1"} if recipe.autoencoder_training else {}
    for name in SMALL.keys() & type(recipe.model).model_fields.keys():
        option, value = f"--model.{name.replace('_', '-')}", SMALL[name]
        if name == "level_channels":
            told |= {option: f" {option} ".join(["8"] * recipe.model.depth)} if recipe.model.level_channels else {}
        elif isinstance(value, bool):
            told[f"--model.no-{name}"] = ""
        else:
            told[option] = " ".join(map(str, value if isinstance(value, tuple) else (value,)))
    return told


def run(words):
    """The exit code; a service is a process of its own, and stopped once it has answered."""
    if words[0] == "serve":
        return _served(words)
    try:
        main(words)
    except SystemExit as ended:
        return ended.code


def _served(words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "glasspose", *words, "--port", "0", "--drain-seconds", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = ""
            for told in process.stderr:
                sys.stderr.write(told)
                address = address or (re.findall(r"listening at (http://\S+)", told) or [""])[0]
                if told.strip().endswith("is ready"):
                    break
            with urllib.request.urlopen(f"{address}/readyz", timeout=READY) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            code = process.wait(READY)
            return 0 if code == STOPPED else code
        finally:
            process.kill()
