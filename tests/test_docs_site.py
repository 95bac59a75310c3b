"""The site: every page has its place, what it names exists, and nothing is loaded from elsewhere."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

import glasspose
from glasspose import explain
from glasspose.configs.training import Recipe

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
INDEX, WALK, API = (DOCS / f"{name}.md" for name in ("index", "code-walk", "api"))
LARGEST = 600_000
"""Bytes of all figures of docs/how-it-works.md."""


def in_a_menu(text):
    """The pages that the menus of the index lead to; their patterns are those of a shell."""
    entries = [line for block in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL) for line in block.splitlines() if line and line[0] != ":"]
    return [path.relative_to(DOCS).with_suffix("").as_posix() for entry in entries for path in sorted(DOCS.glob(f"{entry}.md"))]


def test_every_page_is_in_a_menu_once():
    listed = in_a_menu(INDEX.read_text())
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")} - {"index"}
    assert set(listed) == pages
    assert sorted(listed) == sorted({*listed})


def test_a_page_that_is_left_out_would_be_noticed():
    assert "metrics" not in in_a_menu(INDEX.read_text().replace("\nmetrics\n", "\n"))


def test_the_reference_has_every_public_name():
    named = set(re.findall(r"auto(?:function|class):: glasspose\.([\w.]+)", API.read_text()))
    public = {name for name in glasspose.__all__ if name not in ("__version__", "explain")}
    assert named == public | {f"explain.{name}" for name in explain.__all__}


@cache
def names_of(path):
    """Functions and classes of a file, methods as Class.method."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


def missing(text):
    """What the code walk names beside a link to a file, and the file does not have."""
    said = []
    for target, rest in re.findall(r"\]\((\.\./src/[\w/]+\.py)\)((?:(?: and | )`[\w.]+`)*)", text):
        said += [f"{target}: {name}" for name in re.findall(r"`([\w.]+)`", rest) if name not in names_of((DOCS / target).resolve())]
    return said


def test_every_function_of_the_code_walk_exists():
    text = WALK.read_text()
    assert missing(text) == []
    assert missing(text.replace("`load_image`", "`load_picture`")) == ["../src/glasspose/images.py: load_picture"]
    everything = set().union(*(names_of(path) for path in (ROOT / "src/glasspose").rglob("*.py")))
    classes = {name for name in everything if name[0].isupper() and "." not in name}
    methods = [name for name in re.findall(r"`([A-Z]\w+(?:\.\w+)?)`", text) if name.split(".")[0] in classes or "." in name]
    assert [name for name in methods if name not in everything] == []
    assert len(methods) > 15


def test_figures_are_small_and_all_are_shown():
    figures = sorted((DOCS / "images/how").glob("*"))
    text = (DOCS / "how-it-works.md").read_text()
    assert [path.name for path in figures if f"images/how/{path.name}" not in text] == []
    assert sum(path.stat().st_size for path in figures) < LARGEST


@pytest.mark.parametrize("page", ["training", "own-keypoints"])
def test_recipes_of_pages_are_recipes(page):
    for block in re.findall(r"```yaml\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.DOTALL):
        Recipe.model_validate(yaml.safe_load(block))


def loaded_from_elsewhere(page):
    """Addresses of other servers that a browser would ask on its own: scripts, styles, pictures, fonts, frames; links are for people."""
    tags = re.findall(
        r"<(?:script|img|iframe|source|video|audio|embed|object|use)\b[^>]*?(?:src|data|href|srcset)=[\"']?(?:https?:)?//[^\"'\s>]+", page
    )
    links = re.findall(r"<link\b(?![^>]*rel=[\"']?(?:canonical|next|prev|search|index))[^>]*href=[\"']?(?:https?:)?//[^\"'\s>]+", page)
    return tags + links + re.findall(r"@import\s+[\"'(]?(?:url\()?[\"']?(?:https?:)?//[^\"')]+|url\([\"']?(?:https?:)?//[^\"')]+", page)


@pytest.mark.parametrize(
    ("page", "count"),
    [
        ('<script src="https://cdn.example/x.js"></script>', 1),
        ('<link rel="stylesheet" href="//fonts.example/css">', 1),
        ("@import url(https://fonts.example/css);", 1),
        ("a { background: url('http://x.example/y.png') }", 1),
        ('<a href="https://example.org">a link</a><img src="_images/a.png"><link rel="stylesheet" href="_static/a.css">', 0),
    ],
)
def test_what_is_loaded_from_elsewhere_is_noticed(page, count):
    assert len(loaded_from_elsewhere(page)) == count


@pytest.mark.slow
@pytest.mark.timeout(1500)  # half a minute on a free machine
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", tmp_path / "trees", DOCS, tmp_path / "site"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = [path for path in (tmp_path / "site").rglob("*") if path.suffix in (".html", ".css")]
    assert len(pages) > 40
    assert {path.name: loaded_from_elsewhere(path.read_text()) for path in pages if loaded_from_elsewhere(path.read_text())} == {}
    api = (tmp_path / "site/api.html").read_text()
    assert 'id="glasspose.explain.why"' in api
