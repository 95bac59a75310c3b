"""Rules that hold for every file of the package."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/glasspose"
FILES = sorted(PACKAGE.glob("**/*.py"))
EMPTY_NAMES = {"utils", "util", "core", "common", "base", "helpers", "helper", "misc", "lib", "tools"}
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
FORBIDDEN_CALLS = {"extractall", "unsafe_load", "full_load", "system", "popen", "unpack_archive", "hub.load", "load_state_dict_from_url"}


def faults(source):
    """What could run code from a file that somebody else wrote."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"imports {name}" for name in names if name.split(".")[0] in UNPICKLERS)
        elif isinstance(node, ast.Call):
            yield from call_faults(node)


def call_faults(call):
    name = ast.unparse(call.func)
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if name in ("eval", "exec", "compile", "__import__") or name.split(".", 1)[-1] in FORBIDDEN_CALLS or name.rsplit(".", 1)[-1] in FORBIDDEN_CALLS:
        yield f"calls {name}"
    if name == "torch.load" and given.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if name == "yaml.load" and not given.get("Loader", "").endswith(("SafeLoader", "_PlainLoader")):
        yield "yaml.load with a loader that constructs objects"
    yield from (f"{option}=True" for option in ("shell", "allow_pickle", "trust_remote_code") if given.get(option, "False") != "False")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_from_a_file_can_be_executed(path):
    assert list(faults(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import os, joblib.parallel",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.load(text, yaml.UnsafeLoader)",
        "yaml.unsafe_load(text)",
        "eval(text)",
        "exec(text)",
        "archive.extractall()",
        "subprocess.run(line, shell=True)",
        "os.system(line)",
        "np.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "torch.hub.load(name)",
    ],
)
def test_the_scan_finds_what_it_looks_for(source):
    assert len(list(faults(source))) == 1


@pytest.mark.parametrize("source", ["model.eval()", "torch.load(p, weights_only=True)", "yaml.safe_load(t)", "re.compile(t)", "run(a, shell=False)"])
def test_the_scan_finds_nothing_else(source):
    assert list(faults(source)) == []


def test_the_plain_loader_is_a_safe_loader():
    text = (PACKAGE / "configs/reading.py").read_text()
    assert re.search(r"class _PlainLoader\(yaml\.SafeLoader\)", text)


def test_files_are_short():
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
    assert sorted(lengths.values())[len(lengths) // 2] <= 150


def test_functions_are_short():
    """Without their docstrings, which are the help of the verbs."""
    lengths = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                told = ast.get_docstring(node, clean=False) or ""
                lengths[f"{path.name}:{node.name}:{node.lineno}"] = node.end_lineno - node.lineno + 1 - len(told.splitlines())
    assert {name: length for name, length in lengths.items() if length > 60} == {}
    assert sum(length < 30 for length in lengths.values()) >= 0.9 * len(lengths)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_named_after_what_they_hold(path):
    assert not {path.stem, *path.relative_to(PACKAGE).parts} & EMPTY_NAMES
    assert path.stem == "__init__" or ast.get_docstring(ast.parse(path.read_text())), "a module says what it holds"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_does_not_print(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
