"""What README, docs and recipes tell people to type and to open is there."""

import re
import shlex
from pathlib import Path

import pytest
from cyclopts import CycloptsError, MissingArgumentError

from glasspose.__main__ import DATA_VERBS, GROUPS, VERBS, _app
from glasspose.configs.reading import recipe_defaults

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
WRITTEN = [*PAGES, *sorted((ROOT / "recipes").glob("*.yaml")), *sorted((ROOT / "src/glasspose/commands").glob("*.py"))]
PLACEHOLDERS = ("...", "…", "VERB", "[", "NAME")
LATER = {"export", "serve"} - {*VERBS}
"""Verbs that pages name and this version may lack; once they are here, their lines are parsed like the others."""
OWN_RECIPE = "data: {kind: drawn_people}\n"
"""Stands for a reader's own recipe."""


def blocks(text):
    """The lines of code blocks, fenced or indented, of a Markdown page; everything that is not prose in a recipe or a verb."""
    fenced = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    indented = re.findall(r"^(?:.*Example:|# Command:| {4})\s*(.*)$", text, re.MULTILINE)
    return [line for block in fenced for line in block.splitlines()] + indented


def commands(text):
    """(line, whether it is complete) of everything that calls the command line; a mention in backticks may leave arguments out."""
    joined = re.sub(r"\\\n[# ]*", " ", text)
    quoted = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", joined)
    for line, complete in [*((line, True) for line in blocks(joined)), *((line, False) for line in quoted)]:
        found = re.match(r"(?:torchrun .*? -m )?glasspose ([^#|]*)", line.strip())
        if found and not any(placeholder in found[1] for placeholder in PLACEHOLDERS):
            yield found[1].strip(), complete


FOUND = [
    (path.relative_to(ROOT), line, complete)
    for path in WRITTEN
    for line, complete in dict(commands(path.read_text())).items()
    if line.split()[0] not in LATER
]


def parse(line, tmp_path):
    tokens = shlex.split(line)
    app = _app("")
    if tokens[0] in ("train", "tune") and tokens[1:] and not tokens[1].startswith("-"):
        recipe = ROOT / tokens[1]
        if not recipe.exists():
            assert recipe.parent == ROOT, f"{recipe} is not there"
            recipe = tmp_path / "own.yaml"
            recipe.write_text(OWN_RECIPE)
        rest = [str(recipe), *tokens[2:]]
        app.config = [recipe_defaults(rest, tokens[0])]
        tokens = [tokens[0], *rest]
    return app.parse_args(tokens, exit_on_error=False, print_error=False)


@pytest.mark.parametrize(("path", "line", "complete"), FOUND, ids=[f"{path}: {line}" for path, line, _ in FOUND])
def test_every_command_that_is_written_down_is_understood(tmp_path, path, line, complete):
    try:
        function, *_ = parse(line, tmp_path)
    except MissingArgumentError:
        assert not complete
    except CycloptsError as problem:
        pytest.fail(str(problem))
    else:
        words = line.split()
        assert "--help" in words or function.__name__ == words[1 if words[0] in GROUPS and len(words) > 1 else 0]


def test_a_command_that_is_wrong_would_be_noticed(tmp_path):
    text = "    glasspose predict a.jpg --peopel x\n\nSay `glasspose frobnicate`.\n\n```sh\nglasspose train recipes/tour.yaml --model.stakcs 1\n```\n"
    lines = dict(commands(text))
    assert lines == {"predict a.jpg --peopel x": True, "train recipes/tour.yaml --model.stakcs 1": True, "frobnicate": False}
    for line in lines:
        with pytest.raises(CycloptsError) as problem:
            parse(line, tmp_path)
        assert not isinstance(problem.value, MissingArgumentError)


def test_every_verb_and_every_recipe_shows_a_command():
    shown = {" ".join(line.split()[: 2 if line.startswith("data ") else 1]) for path, line, _ in FOUND if "commands" in path.parts}
    assert shown == set(VERBS) | {f"data {verb}" for verb in DATA_VERBS}
    assert {path.name for path, _, _ in FOUND if "recipes" in path.parts} == {path.name for path in (ROOT / "recipes").glob("*.yaml")}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not re.match(r"https?://|mailto:|#", target):
            assert (path.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_scripts_that_a_page_runs_are_there(path):
    for target in re.findall(r"(?:^(?: {4})?|`)python ([\w./-]+\.py)", path.read_text(), re.MULTILINE):
        assert (ROOT / target).is_file(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_named_in_backticks_are_there(path):
    """Paths of the repository alone: those that begin with one of its folders."""
    for target in re.findall(r"`((?:recipes|docs|src|tests|benchmarks|commands|data|configs)/[\w./-]*\w\.(?:py|md|yaml|json))`", path.read_text()):
        assert (ROOT / target).exists() or (ROOT / "src/glasspose" / target).exists(), target
