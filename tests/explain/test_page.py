import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from explain.test_explanation import FAILED, PASSED, explanation
from glasspose.explain import page as module
from glasspose.explain.explanation import Figure, Table
from glasspose.explain.page import page


class Tags(HTMLParser):
    VOID = {"meta", "img", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def parsed(text):
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return tags


def png(side, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def told(**changes):
    made = explanation(*changes.pop("checks", (PASSED,)))
    return type(made)(**{**vars(made), **changes})


def test_the_answer_comes_first_and_everything_is_there():
    made = told(
        checks=(PASSED, FAILED), answer="Yes: 61 % (50 to 70).", limits=["the rest"], figures=[Figure(name="a", caption="seen in it", png=png(20))]
    )
    tags = parsed(page("Title", "Lead", [made], [("walk", "no bottleneck")]))
    parts = ("Title", "DOES NOT APPLY", "Why?", "Yes: 61 %", "NOT FAITHFUL: FAILED: law", "seen in it", "does not show", "sha256")
    order = [tags.text.index(part) for part in parts]
    assert order[-6:] == sorted(order[-6:])


def test_nothing_in_it_is_markup_of_somebody_else():
    evil = "<script>alert(1)</script>\"'&"
    table = Table(name="t", caption=evil, columns=[evil], rows=[[evil], [None], [1.23456789]])
    made = told(answer=evil, question=evil, limits=[evil], tables=[table], figures=[Figure(name="a", caption=evil, png=png(8))])
    tags = parsed(page(evil, evil, [made], [(evil, evil)]))
    assert "script" not in {tag for tag, _ in tags.seen}
    assert {key for _, attrs in tags.seen for key in attrs} <= {
        "lang",
        "charset",
        "name",
        "content",
        "http-equiv",
        "href",
        "class",
        "id",
        "alt",
        "src",
    }


def test_what_stands_between_backticks_is_code_and_still_nobodys_markup():
    text = "see `walk <b>` and one ` alone"
    made = told(answer=text, limits=[text], tables=[Table(name="t", caption=text, columns=["a"], rows=[])])
    made_page = page("t", "l", [made])
    assert made_page.count("see <code>walk &lt;b&gt;</code> and one ` alone") == 3
    parsed(made_page)


def test_no_request_leaves_it():
    text = page("T", "L", [told(figures=[Figure(name="a", caption="c", png=png(8))])])
    assert not re.search(r"https?:|url\(|@import|<link|<script", text)
    assert all(attrs["src"].startswith("data:image/") for tag, attrs in parsed(text).seen if tag == "img")
    assert "default-src 'none'" in text


def test_large_pictures_shrink_until_the_page_fits(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 600_000)
    figures = [Figure(name=f"f{i}", caption="c", png=png(900, i)) for i in range(3)]
    assert sum(len(figure.png) for figure in figures) > 5_000_000
    assert len(page("T", "L", [told(figures=figures)]).encode()) < 600_000


@pytest.mark.parametrize("rows", [10, 200])
def test_long_tables_say_what_they_leave_out(rows):
    text = page("T", "L", [told(tables=[Table(name="t", caption="c", columns=["a"], rows=[[i] for i in range(rows)])])])
    assert ("more rows are in the CSV file" in text) == (rows > 60)


@pytest.mark.parametrize(("figures", "opened"), [((), [True, False]), ((Figure(name="a", caption="one", png=png(8)),), [False, False])])
def test_where_there_is_no_picture_the_first_table_is_open(figures, opened):
    tables = [Table(name=name, caption=name, columns=("a",), rows=[("1",)]) for name in "ab"]
    seen = parsed(page("t", "l", [told(figures=figures, tables=tables)])).seen
    assert ["open" in attributes for tag, attributes in seen if tag == "details"][:2] == opened
