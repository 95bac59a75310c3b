"""Three hundred recipes that are none: each one line that names what is wrong, within a second, and nothing is executed."""

import random
import time
from pathlib import Path

import pytest
import yaml

from glasspose.configs.reading import read_recipe
from glasspose.configs.training import Recipe
from glasspose.errors import UsageError
from hostile_for_tests import watched

RECIPE = Path(__file__).parents[2] / "recipes/hourglass-tiny-lsp.yaml"
DRAWN = "data: {kind: drawn_people}\n"
TAGS = [
    *("python/object/apply:os.system", "python/object/new:os.system", "python/object/apply:builtins.eval", "python/name:os.system"),
    *("python/module:antigravity", "python/object/apply:subprocess.Popen", "python/object/apply:os.mkdir", "python/object:os._wrap_close"),
    *("python/tuple", "python/bytes", "python/complex", "python/long", "binary", "set", "omap", "pairs", "timestamp", "float", "int", "str", "map"),
]
TARGETS = ["os.system", "builtins.eval", "subprocess.Popen", "torch.load", "pickle.loads", "importlib.import_module", "glasspose.training.train"]
KEYS = ["_target_", "_component_", "class_path", "class", "type", "__class__", "$ref", "import", "_partial_", "callable", "init_args", "_base_", "<<"]


def leaves(value, path=()):
    """(path of keys, value) of everything in a recipe."""
    for key, inner in value.items():
        yield (*path, key), inner
        if isinstance(inner, dict):
            yield from leaves(inner, (*path, key))


def changed(document, path, change):
    """A copy in which `change` was given the mapping that holds the last key."""
    copy = yaml.safe_load(yaml.safe_dump(document))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    change(inner, path[-1])
    return yaml.safe_dump(copy)


def misspelt(inner, key):
    inner[key[:-1] + "_" + key[-1]] = inner.pop(key)


def recipes():
    """(text, word that the answer has to hold)."""
    document = Recipe.model_validate(read_recipe(RECIPE).model_dump()).model_dump(mode="json")
    for tag in TAGS:
        for text in (f"{DRAWN}model: !!{tag} ['touch executed']\n", f"!!{tag} {{}}\n", f"{DRAWN}seed: !!{tag} 'touch executed'\n"):
            yield text, "tags"
    for key in KEYS:
        for target in TARGETS:
            yield f"{DRAWN}model:\n  {key!r}: {target!r}\n  kind: hourglass\n", key
    for target in TARGETS:
        for part in ("model", "codec", "data", "optimiser", "schedule"):
            base = DRAWN if part != "data" else ""
            yield f"{base}{part}: {{kind: {target}}}\n", part
    for path, value in leaves(document):
        if path[-1] != "kind":
            yield changed(document, path, misspelt), path[-1][:-1]  # the wrong key, or the right one that is missing
        wrong = [[1, 2]] if isinstance(value, dict) else {"a": {"b": 1}}
        yield changed(document, path, lambda inner, key, wrong=wrong: inner.__setitem__(key, wrong)), path[-1] if path[-1] != "kind" else path[-2]
    for depth in (25, 100, 1000, 30_000):
        for opening in ("[", "{a: ", "- ", "? "):
            yield opening * depth, "recipe"
    for count in (9, 30, 200):
        yield "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, count)), "anchors"


GIVEN = list(recipes())


def refused(path, text):
    path.write_text(text)
    started = time.process_time()
    with watched() as seen, pytest.raises(UsageError) as problem:
        read_recipe(path)
    assert time.process_time() - started < 1
    assert not seen
    assert "\n" not in str(problem.value)
    assert len(str(problem.value)) < 600
    return str(problem.value)


def test_three_hundred_recipes_that_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(GIVEN) >= 300
    for text, word in GIVEN:
        assert word in refused(tmp_path / "recipe.yaml", text), text[:200]
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


def test_mutated_recipes_are_recipes_or_refused(tmp_path):
    chance, whole = random.Random(5), RECIPE.read_bytes()
    path = tmp_path / "recipe.yaml"
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            place = chance.randrange(len(data))
            data[place : place + chance.randint(0, 3)] = bytes(chance.choices(b"!&*{}[]:,-?|>%@`\"'#\x00\xff\n\t 0a", k=chance.randint(0, 3)))
        path.write_bytes(data)
        try:
            assert isinstance(read_recipe(path), Recipe)
        except UsageError as problem:
            assert "\n" not in str(problem)
