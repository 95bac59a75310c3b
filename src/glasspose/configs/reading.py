"""Recipes from YAML files, which are untrusted: plain values only, bounded in size, depth and aliases, no key twice, no tag."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml
from cyclopts.config import Dict
from pydantic import ValidationError

from glasspose.configs.training import Recipe
from glasspose.errors import UsageError

LARGEST = 256 * 1024
DEEPEST = 20


class _PlainLoader(yaml.SafeLoader):
    """YAML's plain values; anchors, tags and keys that stand twice are refused."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.YAMLError("nested too deeply")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.YAMLError(f"key {min(twice)!r} stands twice")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. UsageError where it is missing, too large, or anything but plain values."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"recipe {path} cannot be read: {problem.strerror}", "Name a YAML file, such as one in recipes/") from None
    if len(content) > LARGEST:
        raise UsageError(f"recipe {path} has {len(content)} bytes", f"Recipes have at most {LARGEST}")
    try:
        data = yaml.load(content.decode(), Loader=_PlainLoader)  # noqa: S506 - a SafeLoader, narrowed further
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        what = getattr(problem, "problem", None) or (str(problem) if type(problem) is yaml.YAMLError else type(problem).__name__)
        raise UsageError(f"recipe {path}{where}: {what}", "Recipes are plain YAML: keys, numbers, texts, lists") from None
    if not isinstance(data, dict):
        raise UsageError(f"recipe {path} is not a mapping of keys to values", "Look at one in recipes/")
    return data


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file. UsageError naming the first key that does not fit."""
    try:
        return Recipe.model_validate(read_yaml(path))
    except ValidationError as problem:
        first = problem.errors()[0]
        raise UsageError(f"recipe {path}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}", "See docs/recipes.md") from None


def recipe_defaults(path: str) -> Dict:
    """The values of a recipe as defaults under the options of `glasspose train`."""
    return Dict({"train": _dashed(read_yaml(Path(path)))}, source=path)


def _dashed(value: Any) -> Any:
    """Keys as the command line spells them."""
    if isinstance(value, dict):
        return {str(key).replace("_", "-"): _dashed(inner) for key, inner in value.items()}
    return [_dashed(inner) for inner in value] if isinstance(value, list) else value
