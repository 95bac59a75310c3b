import csv
import json
import os
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from commands_for_tests import people_of, places
from dots_for_tests import FIGURE, dot_picture, moved
from glasspose.images import load_image
from glasspose.people import PersonBoxes

pytestmark = pytest.mark.usefixtures("one_thread", "elsewhere")


def test_a_photo_becomes_overlay_json_and_table(dots, told, photos):
    code, _, err = told("predict", photos / "1.png")
    assert code == 0
    assert "1 of 1 pictures; 1 people" in err
    assert places(people_of("1")[0]) == pytest.approx(moved(20), abs=0.5)
    assert {path.name for path in Path("glasspose-out/predict").iterdir()} == {
        *("1.pose.json", "1.pose.jpg", "poses.csv", "coco_results.json", "images.json")
    }


def test_a_turned_photo_is_answered_as_displayed(dots, told):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(dot_picture(FIGURE)).transpose(PIL.Image.Transpose.ROTATE_90).save("photo.jpg", exif=exif, quality=95)
    assert told("predict", "photo.jpg")[0] == 0
    assert places(people_of("photo")[0]) == pytest.approx(FIGURE, abs=1.0)
    assert load_image("glasspose-out/predict/photo.pose.jpg").shape == (200, 300, 3)


def test_heatmaps_are_written_where_they_are_asked_for(dots, told, photos):
    assert told("predict", photos, "--heatmaps", "--out", "out")[0] == 0
    assert {path.name for path in Path("out").glob("0.*")} == {"0.pose.json", "0.pose.jpg", "0.heatmaps.jpg", "0.stacks.jpg"}


def test_nobody_is_an_answer(dots, told):
    cv2.imwrite("wall.png", np.full((90, 120, 3), 128, np.uint8))
    code, _, err = told("predict", "wall.png", "--heatmaps")
    assert code == 0
    assert "1 of 1 pictures; 0 people" in err
    assert people_of("wall") == []


def test_boxes_say_where_people_are(dots, told, photos):
    results = [{"image_id": i, "category_id": 1, "bbox": [20 * i, 0, 140, 190], "score": 0.5} for i in (0, 1, 1, 2)]
    Path("boxes.json").write_text(json.dumps(results))
    code, _, err = told("predict", photos, "--boxes", "boxes.json")
    assert code == 0
    assert "3 of 3 pictures; 4 people" in err
    assert places(people_of("1")[0]) == pytest.approx(moved(20), abs=0.5)
    assert people_of("1")[0]["box"] == [20, 0, 160, 190]


def test_heatmaps_with_boxes_are_those_of_the_whole_picture(dots, told, photos):
    Path("boxes.json").write_text(json.dumps({"format": "glasspose.boxes", "version": 1, "images": {"0.png": []}}))
    assert told("predict", photos / "0.png", "--boxes", "boxes.json", "--heatmaps")[0] == 0
    assert Path("glasspose-out/predict/0.heatmaps.jpg").exists()


def test_people_names_a_detector(dots, told, photos, monkeypatch):
    everything = PersonBoxes(boxes=np.array([[0.0, 0.0, 300.0, 200.0]]), scores=np.array([0.8]))
    monkeypatch.setattr("glasspose.streaming.open_detector", lambda name, device, download: {"torchvision:any": lambda image: everything}[name])
    assert told("predict", photos, "--people", "torchvision:any")[0] == 0
    assert people_of("2")[0]["box"] == [0, 0, 300, 200]


def clip(path, frames=6, codec="mp4v"):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25.0, (300, 200))
    for i in range(frames):
        writer.write(dot_picture(moved(20 + i))[..., ::-1])
    writer.release()


@pytest.mark.parametrize("options", [(), ("--smooth",), ("--smooth", "--no-overlays")])
def test_a_video_becomes_a_video(dots, told, options):
    clip("walk.mp4")
    code, _, err = told("predict", "walk.mp4", "--out", "out", *options)
    assert code == 0, err
    rows = list(csv.DictReader(Path("out/poses.csv").read_text().splitlines()))
    assert len(rows) == 6 * 6
    assert len({row["track"] for row in rows}) == 1
    assert (rows[0]["track"] != "") == ("--smooth" in options)
    assert Path("out/walk.pose.mp4").exists() == ("--no-overlays" not in options)


def test_a_video_that_ends_early_is_done_but_for_its_end(dots, told, tmp_path):
    clip("walk.avi", 60, "MJPG")
    content = Path("walk.avi").read_bytes()
    Path("walk.avi").write_bytes(content[: len(content) // 3])
    code, _, err = told("predict", "walk.avi", "--out", "out")
    assert code == 3, err
    assert "walk.avi ends after" in err
    assert "1 failed" in err
    assert Path("out/walk.pose.mp4").exists()


def test_bad_files_among_good_ones_are_listed_with_their_reasons(dots, told, photos):
    (photos / "cut.jpg").write_bytes(cv2.imencode(".jpg", dot_picture(FIGURE))[1].tobytes()[:800])
    (photos / "text.png").write_text("no picture")
    code, _, err = told("predict", photos)
    assert code == 3
    lines = err.strip().splitlines()
    assert len(lines) == 3
    assert "cut.jpg is damaged or cut short" in lines[0]
    assert "text.png is not an image" in lines[1]
    assert "3 of 5 pictures, 2 failed; 3 people" in lines[2]
    assert len(json.loads(Path("glasspose-out/predict/images.json").read_text())) == 3


def test_nothing_but_bad_files_is_unusable_input(dots, told):
    Path("cut.jpg").write_bytes(cv2.imencode(".jpg", dot_picture(FIGURE))[1].tobytes()[:800])
    code, _, err = told("predict", "cut.jpg")
    assert code == 5
    assert "cut.jpg is damaged or cut short" in err.splitlines()[0]


def test_a_name_like_markup_is_told_as_it_is(dots, told, photos):
    (photos / "[red]a[bold].png").write_text("no picture")
    code, _, err = told("predict", photos / "[red]a[bold].png", "--out", "[blue]out")
    assert code == 5
    assert "[red]a[bold].png" in err
    assert "[blue]out" in err


def test_a_name_that_is_no_utf_8_is_no_obstacle(dots, told, photos):
    (photos / "0.png").rename(photos / os.fsdecode(b"\xff.png"))
    (photos / os.fsdecode(b"\xfe.png")).write_text("no picture")
    code, _, err = told("predict", photos)
    assert code == 3
    assert "3 of 4 pictures" in err


def test_one_bad_file_in_ten_changes_nothing_for_the_others(dots, told, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(18):
        cv2.imwrite(str(folder / f"{i}.png"), dot_picture(moved(5 * i))[..., ::-1])
    assert told("predict", folder, "--out", "clean")[0] == 0
    (folder / "4a.png").write_bytes((folder / "4.png").read_bytes()[:300])
    (folder / "9a.png").write_bytes(b"")
    code, _, err = told("predict", folder, "--out", "mixed")
    assert code == 3
    assert all(name in err for name in ("4a.png", "9a.png"))
    for i in range(18):
        assert Path(f"mixed/{i}.pose.json").read_bytes() == Path(f"clean/{i}.pose.json").read_bytes()
