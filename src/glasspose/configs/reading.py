"""Recipes from YAML files, which are untrusted: plain values only, bounded in size, depth and aliases, no key twice, no tag."""

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from cyclopts.config import Dict
from pydantic import BaseModel, ValidationError

from glasspose.configs.training import Recipe
from glasspose.errors import UsageError

LARGEST = 64 * 1024
LONGEST = 4096
"""Characters of one value: numbers beyond take long to convert."""
DEEPEST = 20
_IN_LIST = re.compile(r"--(\w+)\.(\d{1,4})\.([\w-]+)(?:=(.*))?")
TEXT = "tag:yaml.org,2002:str"


class _PlainLoader(yaml.SafeLoader):
    """YAML's plain values; anchors, tags, merges and keys that stand twice are refused."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._check(self.peek_event())  # type: ignore[no-untyped-call]
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.YAMLError("nested too deeply")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _check(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise yaml.YAMLError("anchors and aliases are not allowed")
        if event.tag is not None:
            raise yaml.YAMLError(f"tags are not allowed: {event.tag}")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST:
            raise yaml.YAMLError(f"a value has more than {LONGEST} characters")

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        odd = [key.value for key, _ in node.value if key.tag != TEXT]
        if odd:
            raise yaml.YAMLError(f"key {str(odd[0])[:40]} is not a text")
        twice = [key for key, count in Counter(key.value for key, _ in node.value).items() if count > 1]
        if twice:
            raise yaml.YAMLError(f"key {twice[0]!r} stands twice")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. UsageError where it is missing, too large, or anything but plain values."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as problem:
        raise UsageError(f"recipe {path} cannot be read: {problem.strerror}", "Name a YAML file, such as one in recipes/") from None
    if len(content) > LARGEST:
        raise UsageError(f"recipe {path} is too large", f"Recipes have at most {LARGEST} bytes")
    try:
        data = yaml.load(content.decode(), Loader=_PlainLoader)  # noqa: S506 - a SafeLoader, narrowed further
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        what = getattr(problem, "problem", None) or (str(problem) if type(problem) is yaml.YAMLError else type(problem).__name__)
        raise UsageError(f"recipe {path}{where}: {what}", "Recipes are plain YAML: keys, numbers, texts, lists") from None
    if not isinstance(data, dict):
        raise UsageError(f"recipe {path} is not a mapping of keys to values", "Look at one in recipes/")
    return data


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file. UsageError naming the first key that does not fit."""
    data = read_yaml(path)
    try:
        return Recipe.model_validate(data)
    except ValidationError as problem:
        first = problem.errors()[0]
        raise UsageError(f"recipe {path}: {_spelt(first['loc'], data)}: {first['msg']}", "See docs/recipes.md") from None


def _spelt(places: Sequence[int | str], data: Any) -> str:
    """Where a key stands, as the file has it: without the kinds that pydantic puts between."""
    parts = []
    for place in places:
        if isinstance(data, dict) and place not in data and place in (data.get("kind"), "hourglass", "heatmap"):
            continue
        parts.append(str(place))
        if isinstance(data, dict):
            data = data.get(place)
        elif isinstance(data, list) and isinstance(place, int):
            data = data[place]
    return ".".join(parts)


def recipe_defaults(tokens: list[str], verb: str = "train") -> Dict:
    """The values of a recipe as defaults under the options of `glasspose train`, or of another verb that takes one.

    `tokens` begin with the recipe's path, which is taken out of them; so are options for entries of a list (--extra.0.root), which cyclopts
    does not know.
    """
    path = tokens.pop(0)
    data = read_yaml(Path(path))
    for place in reversed(range(len(tokens))):
        if (found := _IN_LIST.fullmatch(tokens[place])) and (entry := _entry(data, found[1], int(found[2]))) is not None:
            del tokens[place]
            value = found[4] if found[4] is not None else tokens.pop(place) if tokens[place:] and not tokens[place].startswith("--") else "true"
            entry[found[3].replace("-", "_")] = value
    _leave_other_kinds(data, tokens)
    return Dict({verb: _dashed(data)}, source=path)


def _leave_other_kinds(data: dict[str, Any], tokens: Sequence[str]) -> None:
    """Where the command line names another kind than the recipe, what only the recipe's own kind knows is left out; a preset starts from nothing."""
    given = {}
    for token, after in _pairs(tokens):
        name, joined, value = token.removeprefix("--").partition("=")
        given[name] = value if joined else after
    if "augmentation.preset" in given:
        data.pop("augmentation", None)
    for section, part in data.items():
        kind, known = given.get(f"{section}.kind"), _KINDS.get(section, {})
        if isinstance(part, dict) and kind in known and part.get("kind") != kind:
            data[section] = {key: value for key, value in part.items() if key in known[kind].model_fields}


def _pairs(tokens: Sequence[str]) -> list[tuple[str, str]]:
    """Every option with the word after it."""
    return [(token, after) for token, after in zip(tokens, [*tokens[1:], ""], strict=False) if token.startswith("--")]


def _kinds(section: str) -> dict[str, type[BaseModel]]:
    """The configurations that a section of a recipe may hold, by their kind."""
    union = Recipe.model_fields[section].annotation
    return {known.model_fields["kind"].default: known for known in get_args(union) if isinstance(known, type) and issubclass(known, BaseModel)}


_KINDS = {section: _kinds(section) for section in ("model", "codec", "data", "optimiser", "schedule")}


def _entry(data: dict[str, Any], key: str, place: int) -> dict[str, Any] | None:
    """The mapping at a place of a list, None where there is none."""
    entries = data.get(key)
    entry = entries[place] if isinstance(entries, list) and place < len(entries) else None
    return entry if isinstance(entry, dict) else None


def _dashed(value: Any) -> Any:
    """Keys as the command line spells them; what stands in lists goes to the recipe as it is."""
    return {str(key).replace("_", "-"): _dashed(inner) for key, inner in value.items()} if isinstance(value, dict) else value
