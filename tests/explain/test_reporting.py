import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from glasspose import explain
from glasspose.__main__ import main
from glasspose.configs.data import DrawnPeople
from glasspose.errors import UsageError
from glasspose.explain import reporting
from glasspose.explain.explanation import NotApplicableError

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_question_that_does_not_apply_costs_the_others_nothing(nano_weights, tmp_path, monkeypatch):
    def refused(*args, **options):
        raise NotApplicableError("no bottleneck", "None to walk in")

    monkeypatch.setattr(reporting, "QUESTIONS", ("walk", "skips"))
    monkeypatch.setattr(explain, "walk", refused, raising=False)
    asked = []
    made = reporting.report(
        nano_weights,
        DrawnPeople(count=6, folder=tmp_path / "drawn"),
        out=tmp_path,
        n=5,
        questions=("walk", "skips"),
        progress=lambda name, done, total: asked.append((name, done, total)),
    )
    assert made.missing == [("walk", "no bottleneck. None to walk in")]
    assert [explanation.name for explanation in made.explanations] == ["skips"]
    assert asked[-1][0] == "skips"
    assert asked[-1][1] == asked[-1][2]
    text = made.path.read_text()
    assert "no bottleneck" in text
    assert "n = 5; seed 0; model nano" in text
    assert (tmp_path / "skips.json").exists()


def test_an_unknown_question_is_named(nano_weights, tmp_path):
    with pytest.raises(UsageError, match="no question 'wyh'"):
        reporting.report(nano_weights, DrawnPeople(), out=tmp_path, questions=("wyh",))


def test_the_command_writes_one_page(nano_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = ["--data.kind", "drawn_people", "--data.count", "6", "--data.folder", "drawn"]
    with pytest.raises(SystemExit) as end:
        main(["explain", "report", str(nano_weights), *data, "--n", "5", "--questions", "skips", "--out", "page"])
    assert end.value.code == 0
    assert "The page is page/report.html" in capsys.readouterr().out
    assert (tmp_path / "page/report.html").stat().st_size < 8_000_000


def screenshot(path, out):
    """The page in a real browser that reaches nothing outside; what it asked for is told on stderr."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no chromium here: the page is not opened in a browser")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--hide-scrollbars"]
    flags += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={out.parent / 'profile'}", "--window-size=1000,1800", f"--screenshot={out}"]
    done = subprocess.run([browser, *flags, path.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stderr


@pytest.mark.slow
def test_a_browser_shows_the_page_without_asking_for_anything(nano_weights, tmp_path):
    made = reporting.report(nano_weights, DrawnPeople(count=6, folder=tmp_path / "drawn"), out=tmp_path, n=5, questions=("skips",))
    words = screenshot(made.path, tmp_path / "page.png")
    assert not re.search(r"ERR_|Refused to", words)
    shown = cv2.imread(str(tmp_path / "page.png"))
    assert shown.shape[:2] == (1800, 1000)
    blue_green_red = {"NOT FAITHFUL": (0x1B, 0x00, 0xB3), "LOCAL ONLY": (0x66, 0xD1, 0xFF), "FAITHFUL": (0x4A, 0x62, 0x00)}[
        made.explanations[0].verdict
    ]
    assert 0.001 < (np.abs(shown.astype(int) - blue_green_red).max(2) < 12).mean() < 0.2
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 500  # pictures are there


def test_the_page_ends_with_what_to_try(nano_weights, tmp_path):
    asked = {"out": tmp_path, "n": 20, "questions": ("errors",)}
    made = reporting.report(nano_weights, DrawnPeople(count=20, folder=tmp_path / "drawn", split="val"), **asked)
    assert [explanation.name for explanation in made.explanations] == ["errors", "improve"]
    assert "What to try?" in made.path.read_text()
    assert (tmp_path / "improve-recipe.yaml").exists()
    taught = reporting.report(nano_weights, DrawnPeople(count=20, folder=tmp_path / "drawn"), **asked)
    assert [name for name, _ in taught.missing] == ["improve"]
