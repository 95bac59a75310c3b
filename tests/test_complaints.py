"""docs/complaints.md: every complaint once, with tests that exist, and what its dependencies are said to be."""

import re
import tomllib
from pathlib import Path

import pytest

from test_systems import quoted, test_is_there

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/complaints.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
UNBUILT, UNHELD = "none yet", "no test"


def problems(text):
    """Everything that is wrong with the page."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    said = [] if [row[0] for row in rows] == [str(number) for number in range(1, 23)] else ["not 22 rows in their order"]
    for number, *cells in rows:
        if len(cells) != 4:
            said.append(f"{number}: {len(cells) + 1} cells")
            continue
        tests = quoted(cells[3])
        said += [f"{number}: {name} is not there" for name in tests if not test_is_there(name)]
        said += [f"{number}: has no test"] if not tests and cells[3] not in (UNBUILT, UNHELD) else []
    for words, stated in ((UNHELD, r"a test can hold: \d+ rows? \(([\d, ]+)\)"), (UNBUILT, r"Not built yet: \d+ rows? \(([\d, ]+)\)")):
        listed = re.findall(stated, text)
        found = ", ".join(row[0] for row in rows if row[-1] == words)
        said += [f"{words!r} stands in {found}, and the top says {listed}"] if listed != ([found] if found else []) else []
    return said


def test_every_complaint_is_there_once_with_tests_that_exist():
    assert problems(TEXT) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("| 7 |", "| 8 |", "not 22 rows"),
        ("::test_area`", "::test_arena`", "test_arena is not there"),
        ("| no test |", "| later |", "has no test"),
        ("2 rows (15, 20)", "2 rows (15, 16)", "the top says"),
        ("| mmengine #1655 |", "|", "4: 4 cells"),
    ],
)
def test_what_is_wrong_is_noticed(old, new, said):
    assert old in TEXT
    assert any(said in problem for problem in problems(TEXT.replace(old, new, 1)))


def test_nothing_is_needed_that_people_complain_about():
    needed = {re.match(r"[\w.-]+", line)[0].lower(): line for line in PROJECT["project"]["dependencies"]}
    assert not set(needed) & {"chumpy", "mmcv", "mmcv-full", "mmengine", "mmdet", "xtcocotools", "pycocotools", "captum", "mediapipe"}
    assert needed["numpy"] == "numpy>=2.0"


def test_tensorboard_is_new_enough():
    assert "tensorboard>=2.21" in PROJECT["project"]["dependencies"]


def test_nothing_is_compiled():
    """The build makes no extensions, and no source of one is in the package."""
    assert PROJECT["build-system"]["build-backend"] == "hatchling.build"
    assert not [path for path in (ROOT / "src").rglob("*") if path.suffix in (".c", ".cpp", ".cu", ".pyx", ".rs")]
