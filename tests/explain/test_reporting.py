import re
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from glasspose import explain
from glasspose.__main__ import main
from glasspose.attribution import occlusion
from glasspose.configs.data import DrawnPeople
from glasspose.errors import InputError, UsageError
from glasspose.explain import associating, grouping, reporting, saliency
from glasspose.explain.explanation import NotApplicableError
from glasspose.explain.page import page
from page_for_tests import browser, driving

pytestmark = pytest.mark.usefixtures("one_thread")


PEOPLE = 40
"""Whom every question can be asked of."""


def refused(*args, **options):
    raise NotApplicableError("no bottleneck", "None to walk in")


def unreadable(*args, **options):
    raise InputError("a picture is damaged", "Fetch it again")


def test_a_question_that_does_not_apply_costs_the_others_nothing(nano_weights, tmp_path, monkeypatch):
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


def test_what_fails_is_not_called_inapplicable(nano_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(explain, "walk", unreadable, raising=False)
    monkeypatch.setattr(explain, "latent", refused, raising=False)
    data = ["--data.kind", "drawn_people", "--data.count", "6", "--data.folder", "drawn"]
    questions = [word for name in ("walk", "latent", "skips") for word in ("--questions", name)]
    with pytest.raises(SystemExit) as end:
        main(["explain", "report", str(nano_weights), *data, "--n", "5", *questions, "--out", "page"])
    assert end.value.code == 3
    told = capsys.readouterr().out
    assert "FAILED        walk: a picture is damaged. Fetch it again" in told
    assert "does not apply latent: no bottleneck. None to walk in" in told
    text = (tmp_path / "page/report.html").read_text()
    assert 'walk <span class="verdict failed">FAILED</span> a picture is damaged' in text
    assert 'latent <span class="verdict none">DOES NOT APPLY</span> no bottleneck' in text
    assert "Not answered, because something failed: walk." in text


def test_where_all_fail_the_first_failure_is_told_and_nothing_written(nano_weights, tmp_path, monkeypatch):
    for name in ("walk", "skips"):
        monkeypatch.setattr(explain, name, unreadable, raising=False)
    with pytest.raises(InputError, match="a picture is damaged"):
        reporting.report(nano_weights, DrawnPeople(), out=tmp_path / "page", questions=("walk", "skips"))
    assert not (tmp_path / "page").exists()
    monkeypatch.setattr(explain, "skips", refused, raising=False)
    made = reporting.report(nano_weights, DrawnPeople(), out=tmp_path / "page", questions=("walk", "skips"))
    assert [name for name, _ in made.failed] == ["walk"]
    assert [name for name, _ in made.missing] == ["skips"]


@pytest.fixture(scope="module")
def chromium():
    with driving() as driver, browser(driver) as started:
        yield started


@contextmanager
def shown(started, path):
    """A tab with a file, and the list of what it asks for beside itself or says on the console."""
    context = started.new_context(viewport={"width": 1000, "height": 1800})
    told = []
    context.on("request", lambda request: told.append(request.url) if request.url != path.as_uri() and not request.url.startswith("data:") else None)
    tab = context.new_page()
    tab.on("console", lambda said: told.append(said.text))
    tab.on("pageerror", lambda problem: told.append(str(problem)))
    try:
        tab.goto(path.as_uri(), wait_until="load")
        yield tab, told
    finally:
        context.close()


OUTSIDE = {
    "picture": '<img src="https://example.org/a.png">',
    "picture beside it": '<img src="beside.png">',
    "script": '<script src="https://example.org/a.js"></script>',
    "style": '<link rel="stylesheet" href="https://example.org/a.css">',
    "own script": "<script>document.title = 'changed'</script>",
}


@pytest.mark.slow
@pytest.mark.parametrize("outside", OUTSIDE)
def test_control_a_browser_would_tell_of_a_page_that_asks_for_something(chromium, tmp_path, outside):
    """With the page's own policy the console tells of what was refused; without it the request itself is seen."""
    text = page("Title", "Lead", []).replace("</body>", f"{OUTSIDE[outside]}</body>")
    unguarded = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    assert unguarded != text
    for name, content in (("guarded", text), *([("unguarded", unguarded)] if outside != "own script" else [])):
        path = tmp_path / f"{name}.html"
        path.write_text(content)
        with shown(chromium, path) as (_, told):
            assert told, name


@pytest.mark.slow
def test_a_browser_shows_all_questions_without_asking_for_anything(chromium, nano_weights, tmp_path, monkeypatch):
    monkeypatch.setattr(reporting, "DEAR", dict.fromkeys(reporting.DEAR, 2))
    monkeypatch.setattr(occlusion, "ACROSS", 2)
    monkeypatch.setattr(saliency, "FEWER", 1)
    monkeypatch.setattr(grouping, "NULLS", 5)
    monkeypatch.setattr(associating, "PERMUTATIONS", 20)
    people = DrawnPeople(count=PEOPLE, folder=tmp_path / "drawn", split="val")
    made = reporting.report(nano_weights, people, out=tmp_path, n=PEOPLE)
    assert [explanation.name for explanation in made.explanations] == [*reporting.QUESTIONS, "improve"]
    assert (made.missing, made.failed) == ([], [])
    with shown(chromium, made.path) as (tab, told):
        tab.screenshot(path=tmp_path / "page.png")
        assert told == []
        pictures = tab.evaluate("Array.from(document.images, picture => picture.naturalWidth)")
        assert tab.locator("section > h2").count() == len(made.explanations)
    assert len(pictures) == sum(len(explanation.figures) for explanation in made.explanations)
    assert min(pictures) > 50
    seen = cv2.imread(str(tmp_path / "page.png"))
    assert seen.shape[:2] == (1800, 1000)
    assert len(np.unique(seen.reshape(-1, 3), axis=0)) > 50  # letters and chips


def test_the_page_ends_with_what_to_try(nano_weights, tmp_path):
    asked = {"out": tmp_path, "n": 20, "questions": ("errors",)}
    made = reporting.report(nano_weights, DrawnPeople(count=20, folder=tmp_path / "drawn", split="val"), **asked)
    assert [explanation.name for explanation in made.explanations] == ["errors", "improve"]
    assert "What to try?" in made.path.read_text()
    assert (tmp_path / "improve-recipe.yaml").exists()
    taught = reporting.report(nano_weights, DrawnPeople(count=20, folder=tmp_path / "drawn"), **asked)
    assert [name for name, _ in taught.missing] == ["improve"]
