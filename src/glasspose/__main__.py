"""The command line: each verb is a function of `glasspose.commands`, imported only when it is used, so that help never imports torch."""

import os
import pkgutil
import re
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from cyclopts import App, CycloptsError
from rich.console import Console

from glasspose import __version__
from glasspose.allocation import keep_freed_memory
from glasspose.errors import GlassposeError, InputError, UsageError

VERBS = {
    "predict": "prediction:predict",
    "train": "training:train",
    "tune": "tuning:tune",
    "evaluate": "evaluation:evaluate",
    "compare": "comparing:compare",
    "export": "exporting:export",
    "bench": "bench:bench",
    "serve": "serving:serve",
    "demo": "demo:demo",
    "doctor": "doctor:doctor",
}
DATA_VERBS = {verb: f"data:{verb}" for verb in ("check", "stats", "show", "split", "pack", "download")}
EXPLAIN_VERBS = {
    "errors": "explain.errors:errors",
    "why": "explain.why:why",
    "context": "explain.context:context",
    "skips": "explain.skips:skips",
    "latent": "explain.latent:latent",
    "walk": "explain.walk:walk",
    "layers": "explain.layers:layers",
    "trust": "explain.trust:trust",
    "stress": "explain.stress:stress",
    "labels": "explain.labels:labels",
    "selftest": "explain.selftest:selftest",
    "improve": "explain.improve:improve",
    "report": "explain.report:report",
}
"""Question: module in `commands/explain` and its function."""
GROUPS = {"data": ("Download, check, count, show, split and pack annotated people.", DATA_VERBS), "explain": ("Ask a network why.", EXPLAIN_VERBS)}
EPILOGUE = (
    "Exit codes: 0 done, 2 usage or recipe, 3 done but some inputs failed, 4 not faithful (--strict), 5 input unusable, "
    "6 something missing here, 130/143 stopped."
)


def _app(tokens: Sequence[str]) -> App:
    """The verbs, none of which is imported before it is used; where they are listed, their first lines are read from the files."""
    asked = [*tokens[:2], "", ""]
    app = App(name="glasspose", help="2D human pose estimation that you can see through.", version=__version__, help_epilogue=EPILOGUE)
    _add(app, VERBS, listed=asked[0] not in VERBS)
    for name, (described, verbs) in GROUPS.items():
        group = App(name=name, help=described)
        _add(group, verbs, listed=asked[0] == name and asked[1] not in verbs)
        app.command(group)
    return app


def _add(app: App, verbs: Mapping[str, str], *, listed: bool) -> None:
    for name, place in verbs.items():
        module, _, function = place.partition(":")
        more = {"help": _first_line(module, function)} if listed else {}
        app.command(f"glasspose.commands.{module}:{function}", name=name, **more)


def _first_line(module: str, function: str) -> str:
    """Of a verb's docstring."""
    source = (pkgutil.get_data("glasspose.commands", f"{module.replace('.', '/')}.py") or b"").decode()
    found = re.search(rf'^def {function}\(.*?"""(.*?)(?:"""|$)', source, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its code. Failures that a user can meet are one line on stderr, never a traceback."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        keep_freed_memory()
    try:
        code = _run(tokens)
    except GlassposeError as problem:
        Console(stderr=True, soft_wrap=True).print(f"glasspose: {problem}", style="red", markup=False, highlight=False)
        code = problem.exit_code
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as problem:
        Console(stderr=True, soft_wrap=True).print(f"glasspose: {problem.strerror}: {problem.filename}", style="red", markup=False, highlight=False)
        code = InputError.exit_code
    raise SystemExit(code)


def _run(tokens: list[str]) -> int:
    app = _app(tokens)
    if tokens[:1] in (["train"], ["tune"]) and len(tokens) > 1 and not tokens[1].startswith("-"):
        from glasspose.configs.reading import recipe_defaults

        rest = tokens[1:]
        app.config = [recipe_defaults(rest, tokens[0])]
        tokens = [tokens[0], *rest]
    try:
        answer = app(tokens, exit_on_error=False, result_action="return_value")
    except CycloptsError:
        return UsageError.exit_code  # cyclopts has printed the line
    return answer if isinstance(answer, int) else 0


if __name__ == "__main__":
    main()
