"""docs/systems.md names every system of the documents once, with tests and files that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from cyclopts import MissingArgumentError

import test_docs
from glasspose.configs.reading import read_recipe

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/systems.md"
TEXT = PAGE.read_text()
SIZES = {"D": 27, "M": 17, "T": 14, "E": 18, "X": 9, "P": 5}
LABELS = [f"{group}{number}" for group, size in SIZES.items() for number in range(1, size + 1)]
WITHOUT_COMMAND = {"D18", "T14", "X7", "X8"}
"""Notes, and what a document rejects."""
WITHOUT_TEST = {"D18"}
UNBUILT, UNRUN = "not built yet", "not run: no images here"


def rows(text):
    """The cells of every line that begins with a label: label, what, command, test, artefact."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if re.match(r"\| [A-Z]\d+ \|", line)]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


@cache
def functions(path):
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)} if path.is_file() else set()


def test_is_there(name):
    path, _, function = name.partition("::")
    return function.startswith("test_") and function in functions(ROOT / path)


test_is_there.__test__ = False


def problems(text):
    """Everything that is wrong with the page."""
    found, labels = rows(text), [row[0] for row in rows(text)]
    said = [f"{label} stands {labels.count(label)} times" for label in LABELS if labels.count(label) != 1]
    said += [f"{label} is no row" for label in labels if label not in LABELS]
    said += ["the order is not that of the groups"] if labels != sorted(labels, key=lambda label: ("DMTEXP".index(label[0]), int(label[1:]))) else []
    for row in found:
        said += [f"{row[0]}: {problem}" for problem in (problems_of_row(*row) if len(row) == 5 else [f"{len(row)} cells"])]
    for words, pattern in ((UNBUILT, r"Not built yet: (\d+) of 90 rows"), (UNRUN, r"not here: (\d+) rows")):
        counted, stated = sum(words in row[2] for row in found if len(row) == 5), re.findall(pattern, text.partition("\n## ")[0])
        said += [f"{counted} rows are {words}, and the top says {stated}"] if stated != [str(counted)] else []
    return said


def problems_of_row(label, what, command, test, artefact):
    if command == UNBUILT:
        return [] if test == artefact == "none yet" else ["is not built and has a test or a file"]
    said = [] if what else ["says nothing"]
    commands = [line for line in quoted(command) if line.startswith(("glasspose ", "python "))]
    shared = [other for other in re.findall(r"\b[A-Z]\d+\b", command) if command.startswith("as ")]
    said += [f"as {other}, which is no row" for other in shared if other not in LABELS]
    said += [] if commands or shared or label in WITHOUT_COMMAND else ["has no command"]
    said += [f"{line} is not there" for line in commands if line.startswith("python ") and not (ROOT / line.split()[1]).is_file()]
    said += [] if quoted(test) or label in WITHOUT_TEST else ["has no test"]
    said += [f"{name} is not there" for name in quoted(test) if not test_is_there(name)]
    kept = [path for path in quoted(artefact) if re.match(r"(?:src|docs|recipes|tests|experiments|benchmarks)/", path)]
    said += [] if artefact else ["has no artefact"]
    return said + [f"{path} is not there" for path in kept if not (ROOT / path).exists()]


def test_every_system_is_there_once_with_tests_and_files_that_exist():
    assert problems(TEXT) == []
    assert len(LABELS) == len(rows(TEXT)) == 90


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("| D7 |", "| D77 |", "D7 stands 0 times"),
        ("| D7 |", "| D6 |", "D6 stands 2 times"),
        ("::test_the_real_counts`", "::test_the_unreal_counts`", "test_the_unreal_counts is not there"),
        ("tests/data/test_flic.py", "tests/data/test_flick.py", "test_flick.py::test_the_real_files is not there"),
        ("| `src/glasspose/data/flic.py`", "| `src/glasspose/data/flick.py`", "data/flick.py is not there"),
        ("| `glasspose serve hourglass-tiny-lsp` |", "| later |", "P2: has no command"),
        ("Not built yet: 0 of 90", "Not built yet: 3 of 90", "0 rows are not built yet"),
        ("Not run, because their pictures are not here: 8 rows", "Not run: none", "rows are not run"),
        ("`src/glasspose/benchmarks/folder.py`", "`src/glasspose/benchmarks/walk.py`", "walk.py is not there"),
        ("| D2 | pictures without people drop out |", "| D2 |", "D2: 4 cells"),
    ],
)
def test_what_is_wrong_is_noticed(old, new, said):
    assert old in TEXT
    assert any(said in problem for problem in problems(TEXT.replace(old, new)))


def test_commands_of_the_page_are_parsed_with_those_of_the_others_and_are_complete(tmp_path):
    """`test_docs` parses them all, but lets a mention in backticks leave arguments out: not here."""
    here = {line.removeprefix("glasspose ") for row in rows(TEXT) for line in quoted(row[2]) if line.startswith("glasspose ")}
    assert here <= {line for path, line, _ in test_docs.FOUND if path == PAGE.relative_to(ROOT)}
    short = []
    for line in sorted(here):
        try:
            test_docs.parse(line, tmp_path)
        except MissingArgumentError:
            short.append(line)
    assert short == []


def test_literature_is_kept_as_printed(monkeypatch):
    """Sixteen methods, fourteen of them with a number, and the note's 93.9."""
    monkeypatch.syspath_prepend(str(ROOT / "experiments"))
    import literature
    import page

    values = [value for *_, value in literature.SURVEYED if value is not None]
    assert (len(literature.SURVEYED), len(values), min(values), max(values)) == (16, 14, 79.6, 92.7)
    written = page.literature()
    assert all(f"| {name} | " in written and ("| - |" if value is None else f"| {value} |") in written for name, *_, value in literature.SURVEYED)
    assert "93.9 % for Cascade Feature Aggregation" in written


@pytest.mark.parametrize(
    ("name", "rate", "epochs", "batch"), [("deeppose-head", 5e-5, 100, 128), ("deeppose-pose", 5e-4, 300, 128), ("resnetv2-pose", 5e-4, 300, 32)]
)
def test_recipes_have_the_settings_of_their_document(name, rate, epochs, batch):
    recipe = read_recipe(ROOT / f"recipes/{name}-lsp.yaml")
    assert (recipe.optimiser.kind, recipe.optimiser.learning_rate, recipe.epochs, recipe.batch) == ("adam", rate, epochs, batch)
