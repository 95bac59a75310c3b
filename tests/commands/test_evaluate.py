import json
from pathlib import Path

import pytest

from commands_for_tests import DRAWN, SIGMAS, coco_file, fails, report

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")


def test_a_perfect_network_has_a_perfect_score(dots, told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0), (2, 30), (3, 250)])
    code, out, err = told("evaluate", "dots", *data, *SIGMAS, "--json", "report.json")
    assert code == 0, err
    numbers = report()
    for part in (numbers, numbers["two_pass"]):
        assert (part["n"], part["images"]) == (3, 3)
        assert part["epe"]["mean"] < 0.5
        assert part["oks"]["AP"] == pytest.approx(1.0)
    assert "3 people in 3 pictures" in out
    assert "root" not in numbers["data"]


def test_pictures_of_several_people_have_no_two_passes(dots, told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0), (2, 0), (2, 300)])
    assert told("evaluate", "dots", *data, "--json", "report.json")[0] == 0
    assert report()["n"] == 3
    assert report()["two_pass"]["n"] == 1


def test_boxes_of_a_detector_are_scored_by_oks(dots, told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0), (2, 0), (2, 300)])
    boxes = [(1, 0), (2, 0), (2, 300), (2, 302)]  # the last finds a person a second time
    results = [{"image_id": n, "category_id": 1, "bbox": [45 + x, 15, 70, 150], "score": 0.9 - x / 1000} for n, x in boxes]
    Path("boxes.json").write_text(json.dumps(results))
    code, out, err = told("evaluate", "dots", *data, *SIGMAS, "--boxes", "boxes.json", "--json", "report.json")
    assert code == 0, err
    assert report()["oks"]["AP"] == pytest.approx(1.0)
    assert report()["detections"] == 3
    assert "OKS" in out


def test_boxes_that_hold_nobody_find_nobody(dots, told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0)])
    images = {"000000000001.png": []}
    Path("boxes.json").write_text(json.dumps({"format": "glasspose.boxes", "version": 1, "images": images}))
    code, _, err = told("evaluate", "dots", *data, *SIGMAS, "--boxes", "boxes.json", "--json", "report.json")
    assert code == 0, err
    assert report()["oks"]["AP"] == 0.0


def test_boxes_of_a_picture_that_is_not_listed(dots, told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0)])
    Path("boxes.json").write_text(json.dumps({"format": "glasspose.boxes", "version": 1, "images": {"other.png": []}}))
    fails(told("evaluate", "dots", *data, "--boxes", "boxes.json"), 5, "does not list image")


def test_oks_without_constants_is_refused(told, nano_weights):
    Path("boxes.json").write_text("[]")
    fails(told("evaluate", nano_weights, *DRAWN, "--boxes", "boxes.json"), 2, "OKS is not defined")


def test_weights_of_another_skeleton(told, tmp_path, nano_weights):
    data = coco_file(tmp_path / "coco", [(1, 0)], ["snout", "tail", "wing", "fin", "horn", "hoof"])
    fails(told("evaluate", nano_weights, *data), 5, "shares no keypoint name with lsp")


def test_a_dataset_that_is_not_there(dots, told, tmp_path):
    fails(told("evaluate", "dots", "--data.kind", "coco", "--data.root", tmp_path / "none"), 5, "is not there")


def test_an_unknown_key_of_the_data(told):
    code, _, err = told("evaluate", "dots", "--data.kind", "drawn_people", "--data.cuont", "3")
    assert code == 2
    assert "--data.count" in err


def test_a_picture_that_is_damaged_ends_an_evaluation(dots, told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0), (2, 0)])
    (tmp_path / "coco/images/000000000002.png").write_bytes(b"no picture")
    fails(told("evaluate", "dots", *data), 5, "000000000002.png")


def test_further_protocols_are_printed_and_kept(dots, told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0), (2, 30), (3, 250)])
    code, out, err = told("evaluate", "dots", *data, "--protocols", "thesis, pixels@2,pcp,thesis:visible", "--keep", "--json", "report.json")
    assert code == 0, err
    numbers = report()
    for part in (numbers, numbers["two_pass"]):
        assert {name: found["value"] for name, found in part["protocols"].items()} == {"thesis": 1, "pixels@2": 1, "pcp": 1, "thesis:visible": 1}
    assert numbers["people"]["scores"]["thesis"]["hits"] == ["111111"] * 3
    assert numbers["people"]["image_ids"] == [1, 2, 3]
    assert all(name in out for name in ("thesis", "pixels@2", "pcp", "predictions in a corner of the square: 0.0 %"))
    assert len(Path("report.json").read_text().splitlines()[-2]) > 200, "the people stand on one line"


def test_nobody_is_kept_unless_asked_for(dots, told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0)])
    assert told("evaluate", "dots", *data, "--json", "report.json")[0] == 0
    assert {"people", "protocols"}.isdisjoint(report())
    fails(told("evaluate", "dots", *data, "--keep"), 2, "--json FILE")


def test_protocols_that_do_not_fit_are_refused(dots, told, tmp_path):
    data = coco_file(tmp_path / "coco", [(1, 0)])
    fails(told("evaluate", "dots", *data, "--protocols", "thesis:limps"), 2, "'limps' is not known")
    fails(told("evaluate", "dots", *data, "--protocols", "uvic"), 2, "no keypoint 'left_hip'")
    Path("boxes.json").write_text("[]")
    fails(told("evaluate", "dots", *data, *SIGMAS, "--boxes", "boxes.json", "--protocols", "thesis"), 2, "OKS alone")
