import json
import re
from pathlib import Path

import pytest

from commands_for_tests import DRAWN, coco_file, fails
from glasspose.images import load_image

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")


def test_data_check_writes_what_it_found(told):
    code, out, _ = told("data", "check", *DRAWN, "--json", "found.json")
    assert code == 0
    assert "4 people in 4 pictures; 0 errors" in out
    assert json.loads(Path("found.json").read_text())


def test_data_check_of_damage_is_unusable_input(told, tmp_path):
    data = coco_file(tmp_path / "[red]coco", [(1, 0), (2, 0)])
    (tmp_path / "[red]coco/images/000000000002.png").write_bytes(b"no picture")
    code, out, _ = told("data", "check", *data)
    assert code == 5
    assert "000000000002.png" in re.sub(r"[\s│]", "", out)


def test_data_stats_writes_numbers_and_a_figure(told):
    code, out, _ = told("data", "stats", *DRAWN, "--json", "numbers.json", "--figure", "new/figure.png")
    assert code == 0
    assert "left_ankle" in out
    assert json.loads(Path("numbers.json").read_text())
    assert load_image("new/figure.png").shape[1] > 100


def test_data_show_draws_a_sheet(told):
    code, out, _ = told("data", "show", *DRAWN, "--out", "[red]out/people.png", "--count", "3")
    assert code == 0
    assert "3 people" in out
    assert "[red]out/people.png" in out
    assert Path("[red]out/people.png").exists()


@pytest.mark.parametrize("name", ["people.gif", "folder"])
def test_data_show_writes_pictures_only(told, name):
    fails(told("data", "show", *DRAWN, "--out", name), 5, name)


def test_data_show_of_nobody(told):
    fails(told("data", "show", *DRAWN, "--count", "0"), 2)


def test_data_split_writes_parts(told):
    fractions = ("--fractions.train", "0.5", "--fractions.val", "0.5")
    code, _, _ = told("data", "split", *DRAWN, *fractions, "--out", "splits.json")
    assert code == 0
    parts = json.loads(Path("splits.json").read_text())
    assert sorted(parts["train"] + parts["val"]) == [1, 2, 3, 4]


def test_data_split_into_too_much(told):
    fails(told("data", "split", *DRAWN, "--fractions.train", "0.8", "--fractions.val", "0.8"), 2)


def test_data_pack_is_done_once(told):
    assert told("data", "pack", *DRAWN, "--packs", "packs")[0] == 0
    crops = next(Path("packs").rglob("crops.u8"))
    before = crops.stat().st_mtime_ns
    assert told("data", "pack", *DRAWN, "--packs", "packs")[0] == 0
    assert crops.stat().st_mtime_ns == before
