"""Every complete command of README, CONTRIBUTING and docs is run, in a folder where what it names exists as a tiny stand-in.

The commands of a page run in its order, in one folder, in this process; a failure is told with page and line. So are commands in the text that leave
nothing out. What would take minutes is made small by options at the command's end: recipes of the package by their own fields, other commands by
`SMALLER`; an option that stands in the line already gives way, for cyclopts refuses one that stands twice. Lines of torchrun run as one process
(`tests/test_processes.py` has several). Published weights of detectors are made-up numbers, official archives come from a server on this machine,
and Ray's work is done here, one task after the other (`tests/test_collection.py` has Ray).
"""

import hashlib
import importlib
import shlex
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import test_docs
import test_systems
from archives_for_tests import tarred, zipped
from docs_folder_for_tests import make_folder
from docs_running_for_tests import ROOT, lines_of, matches, run, typed
from glasspose import collection
from glasspose.data.origins import ORIGINS
from servers_for_tests import serving

ELSEWHERE = {
    "docs/own-keypoints.md": "tests/commands/test_own_keypoints.py::test_the_page_from_labels_to_explanations",
    "docs/results.md": "tests/test_recipes.py::test_every_recipe_trains_for_two_steps",
    "docs/systems.md": "tests/test_systems.py::test_commands_of_the_page_are_parsed_with_those_of_the_others_and_are_complete",
}
"""Pages whose commands are not run here: another test runs the first one's. Those of the other two are whole experiments; `tests/test_docs.py` parses
them, and their recipes train for two steps in the test that is named, as do those of all recipes."""
ONCE = {
    **{f"explain {name}": f"docs/explain/{name}.md" for name in ("context", "latent", "layers", "skips", "stress", "walk")},
    "explain report": "docs/explain/README.md",
    "predict torchvision:fasterrcnn_resnet50_fpn_v2": "docs/people.md",
    "serve": "docs/serving.md",
    "train --folds": "docs/recipes.md",
}
"""Words of commands that take long, and the page that runs them: others are left out as long as they have no option that is not there."""
NIGHTLY = ("bench predict --threads all", "explain selftest")
"""Commands that take half a minute of a core and more, and need nothing."""
BENCHED = "tests/benchmarks/test_bench.py runs every benchmark"
NOT_RUN = {
    "predict camera:0": "needs a camera, and runs until it is stopped (tests/test_sources.py)",
    "bench": f"takes minutes; {BENCHED}",
    **dict.fromkeys(("bench oks", "bench packed", "bench samples"), f"with GLASSPOSE_DATA they want the data of the project; {BENCHED}"),
    **dict.fromkeys(
        ("bench engines", "bench engines int8", "bench gpu", "bench int8", "bench predict", "bench processes", "bench profile", "bench startup"),
        f"take longer; {BENCHED}",
    ),
}
"""Whole commands, with the reason."""
SMALLER = {
    "bench": {"--quick": ""},
    "data split --hold-out": {"--hold-out": "3"},
    "evaluate drawn_people": {"--data.count": "8"},
    "explain --data.kind": {"--n": "4"},
    "explain why --data.kind": {"--n": "2"},
    "explain latent": {"--n": "16"},
    "explain walk": {"--n": "20"},
    "explain layers": {"--n": "40"},
    "explain trust": {"--n": "40"},
    "train --folds": {"--folds": "2"},
    "train --range-test": {"--range-test": "20"},
    "train --resume": {"--epochs": "2"},
    "train --snapshots": {"--epochs": "12"},
}
"""Words of a command: options that it gets; of several that fit, all."""
OTHERS = {
    "WEIGHTS": ("WEIGHTS", "WEIGHTS.safetensors"),
    **{
        f"explain {dear} hourglass-tiny-lsp": ("hourglass-tiny-lsp", "WEIGHTS.safetensors")
        for dear in ("why", "context", "skips", "stress", "latent", "walk", "layers")
    },
}
"""Words of a command: a word of it, and what stands in for it. These explanations ask a network thousands of times: a tiny one."""
OTHERWISE = {"export --int8": (5, "points of pck@0.2", "forty drawn people are too few: half a point is three keypoints")}
"""Words of a command: another exit code that is right for it, words of its message, and why."""
PAGES = [name for name in dict.fromkeys(str(path) for path, *_ in test_docs.FOUND if ROOT / path in test_docs.PAGES) if name not in ELSEWHERE]
"""Those that name commands."""
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stand-ins")
    make_folder(folder)
    return folder


@pytest.fixture
def reader(stand_ins, tmp_path, monkeypatch, elsewhere):
    """In a folder of their own with the stand-ins."""
    shutil.copytree(stand_ins, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.setenv("GLASSPOSE_DATA", str(tmp_path))
    monkeypatch.setattr(collection, "spread", lambda make, given, tasks, machines: enumerate(map(make(*given), tasks)))
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", made_up)
    return tmp_path


@pytest.fixture
def near(monkeypatch):
    """Every archive with its checksum, from a server on this machine."""
    files = {archive.name: archive_of(archive) for origin in ORIGINS.values() for archive in origin.archives}
    with serving(files) as (address, _):
        for name, origin in ORIGINS.items():
            changes = [(archive, {"sha256": hashlib.sha256(files[archive.name]).hexdigest(), "size": None}) for archive in origin.archives]
            archives = tuple(replace(archive, address=f"{address}/{archive.name}", **values) for archive, values in changes)
            monkeypatch.setitem(ORIGINS, name, replace(origin, archives=archives))
        yield


def archive_of(archive):
    inside = f"{archive.part}/one.txt"
    return zipped({inside: b"one"}) if archive.name.endswith(".zip") else tarred([(inside, b"one")])


def made_up(url, *_, **__):
    from test_people_torchvision import built

    return built(Path(url).name.partition("_coco-")[0], num_classes=91).state_dict()


def problems(name, lines, said):
    """What goes wrong when these commands of a page are run one after the other, with page and line; `said` tells what was printed since."""
    found = []
    for number, line in lines:
        words = typed(line, SMALLER, OTHERS)
        try:
            code = run(words)
        except Exception as problem:
            code = repr(problem)
        told = said()
        if "Traceback" in told or not (code == 0 or any(code == right and words_of in told for right, words_of in expected(words))):
            found.append(f"{name}:{number}: glasspose {line}\n  run as: {shlex.join(words)}\n  ended with {code}: {told.strip()[-600:]}")
    return found


def expected(words):
    return [(code, told) for key, (code, told, _) in OTHERWISE.items() if matches(key, words)]


@pytest.mark.slow
@pytest.mark.timeout(1800)  # under a minute each on a free machine
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.usefixtures("near", "reader")
def test_every_command_of_a_page_runs(name, capfd):
    lines = [(number, line) for number, line in written(name) if is_run(line, name)]
    assert not (wrong := problems(name, lines, lambda: "".join(capfd.readouterr()))), "\n" + "\n".join(wrong)


@cache
def written(page):
    """(number, command) of each line."""
    return lines_of((ROOT / page).read_text())


def options(line):
    return {word for word in line.split() if word.startswith("--")}


def is_run(line, here):
    """On this page."""
    others = [(key, page) for key, page in ONCE.items() if matches(key, line.split()) and page != here]
    there = [line for key, page in others for _, line in written(page) if matches(key, line.split())]
    return line not in (*NOT_RUN, *NIGHTLY) and not any(options(line) <= options(other) for other in there)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("reader")
def test_commands_that_take_longer_run(capfd):
    assert problems("nightly", list(enumerate(NIGHTLY)), lambda: "".join(capfd.readouterr())) == []


@pytest.mark.slow
def test_the_tables_name_nothing_that_is_no_longer_written():
    lines = {name: [line for _, line in written(name)] for name in PAGES}
    everything = [line for page in lines.values() for line in page]
    assert [line for line in (*NOT_RUN, *NIGHTLY) if line not in everything] == []
    assert [key for key in (*SMALLER, *OTHERS, *OTHERWISE) if not any(matches(key, line.split()) for line in everything)] == []
    assert [key for key, page in ONCE.items() if not any(matches(key, line.split()) for line in lines[page])] == []


@pytest.mark.slow
def test_a_command_with_an_option_of_its_own_is_run_on_its_page():
    assert not is_run("explain latent WEIGHTS --data.kind lspet --data.root DIR", "README.md")
    assert is_run("explain latent WEIGHTS --data.kind lspet --data.root DIR --components 3", "README.md")
    assert all(is_run(line, name) for name in ("docs/serving.md", "docs/tour.md") for _, line in written(name) if line.startswith(("serve", "train")))


@pytest.mark.parametrize("page", ELSEWHERE)
def test_pages_that_other_tests_run_are_there(page):
    assert (ROOT / page) in test_docs.PAGES
    assert test_systems.test_is_there(ELSEWHERE[page])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("reader")
def test_of_your_own_keypoints_only_the_service_is_left_to_run(capfd):
    page = "docs/own-keypoints.md"
    other = importlib.import_module("commands.test_own_keypoints")
    whole = [line for line, complete in test_docs.commands((ROOT / page).read_text()) if complete]
    assert whole == other.COMMANDS
    left = [(number, line) for number, line in written(page) if line.split()[0] in other.WITHOUT_END]
    assert len(left) == 1
    assert problems(page, left, lambda: "".join(capfd.readouterr())) == []


@pytest.mark.usefixtures("elsewhere")
def test_a_command_that_fails_is_told_with_page_and_line(capfd):
    command = "glasspose data stats --data.kind drawn_people --data.count"
    text = f"# A page\n\n    {command} 2\n    {command} 0 # none\n"
    lines = lines_of(text)
    assert [number for number, _ in lines] == [3, 4]
    (wrong,) = problems("docs/page.md", lines, lambda: "".join(capfd.readouterr()))
    assert wrong.startswith(f"docs/page.md:4: {command} 0\n")
    assert "ended with 2" in wrong
