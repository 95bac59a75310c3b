import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from commands_for_tests import DRAWN, coco_file, fails
from glasspose.images import load_image
from label_files_for_tests import mpii_json

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


@pytest.mark.data
@pytest.mark.slow
def test_data_stats_of_all_of_coco_takes_less_than_20_seconds(data_root, tmp_path):
    """Numbers and figure of 156,165 people on 58,945 pictures, in CPU time of a process of its own, which other work cannot lengthen."""
    asked = ["--data.kind", "coco_labels", "--data.root", data_root / "coco", "--data.split", "all"]
    written = ["--json", tmp_path / "n.json", "--figure", tmp_path / "f.png"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "glasspose", "data", "stats", *map(str, asked + written)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads((tmp_path / "n.json").read_text())
    assert (told["people"], told["images"]) == (156165, 58945)
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 20


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


def test_data_split_holds_people_out(told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0), (1, 250), (2, 0), (3, 100)])
    code, out, _ = told("data", "split", *data, "--hold-out", "2", "--by", "person", "--seed", "1", "--out", "s.json")
    assert (code, json.loads(Path("s.json").read_text())["by"]) == (0, "person")
    assert "test 2 people" in out
    code, _, err = told("data", "split", *data, "--hold-out", "2", "--no-duplicates", "--out", "s.json")
    assert (code, err) == (0, "")
    assert "by" not in json.loads(Path("s.json").read_text())


def test_data_split_warns_of_pictures_on_both_sides(told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0), (1, 250)])
    code, _, err = told("data", "split", *data, "--hold-out", "1", "--by", "person", "--out", "s.json")
    assert code == 0
    assert "1 photograph is on both sides" in err


@pytest.mark.parametrize("wrong", [["--by", "person"], ["--hold-out", "2", "--fractions.a", "0.5", "--fractions.b", "0.5"], ["--hold-out", "9"]])
def test_data_split_refuses_what_excludes_each_other(told, wrong):
    fails(told("data", "split", *DRAWN, *wrong), 2)


def test_data_stats_says_what_the_table_does_not(told):
    code, out, _ = told("data", "stats", *DRAWN, "--mean-rgb", "--framing", "squash", "--json", "n.json")
    assert code == 0
    assert "1.00 people a picture" in out
    mean = json.loads(Path("n.json").read_text())["mean_rgb"]
    assert len(mean) == 3
    assert all(0.05 < value < 0.95 for value in mean)
    assert f"mean RGB of the squares: {mean[0]:.5f}" in out


def test_data_show_draws_how_people_are_prepared(told):
    assert told("data", "show", *DRAWN, "--target", "left_wrist", "--count", "2", "--out", "steps.png")[0] == 0
    assert load_image("steps.png").shape[1] > 4 * 190
    fails(told("data", "show", *DRAWN, "--target", "left_tail"), 5, "left_tail")


def test_data_show_takes_a_framing(told):
    sheets = []
    for n, framing in enumerate(([], ["--framing", "squash"], ["--framing", "thesis"], ["--margin", "1.6"])):
        assert told("data", "show", *DRAWN, "--count", "1", *framing, "--out", f"{n}.png")[0] == 0
        sheets.append(load_image(f"{n}.png").tobytes())
    assert len(set(sheets)) == 4


def test_data_show_of_people_without_keypoints(told, tmp_path):
    fails(told("data", "show", *DRAWN, "--empty"), 2, "minimum-keypoints 0")
    data = coco_file(tmp_path / "coco", [(1, 0), (2, 0)])
    path = tmp_path / "coco/annotations/dots.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["keypoints"] = [0] * 18
    path.write_text(json.dumps(document))
    code, out, _ = told("data", "show", *data, "--data.minimum-keypoints", "0", "--empty", "--out", "empty.png")
    assert code == 0
    assert "1 people" in out


def test_labels_without_pictures_are_counted_and_not_packed(told, tmp_path):
    mpii_json(tmp_path)
    data = ["--data.kind", "mpii", "--data.root", tmp_path, "--data.labels", "mpii_annotations.json", "--data.split", "all"]
    code, out, _ = told("data", "stats", *data)
    assert code == 0
    assert "upper_neck" in out
    fails(told("data", "pack", *data, "--packs", "packs"), 5, "000000001.jpg is not there")
    fails(told("data", "pack", *data, "--packs", "packs", "--framing", "thesis"), 5, "000000001.jpg is not there")


def test_data_pack_takes_a_framing(told):
    assert told("data", "pack", *DRAWN, "--packs", "packs", "--framing", "squash")[0] == 0
    assert told("data", "pack", *DRAWN, "--packs", "packs", "--margin", "1.5")[0] == 0
    assert len(list(Path("packs").iterdir())) == 2


def test_data_pack_is_done_once(told):
    assert told("data", "pack", *DRAWN, "--packs", "packs")[0] == 0
    crops = next(Path("packs").rglob("crops.u8"))
    before = crops.stat().st_mtime_ns
    assert told("data", "pack", *DRAWN, "--packs", "packs")[0] == 0
    assert crops.stat().st_mtime_ns == before
