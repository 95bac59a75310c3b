import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from jsonschema import validate

from dots_for_tests import DOTS, FIGURE, GREY, dot_picture, dot_predictor
from glasspose.errors import InputError
from glasspose.images import load_image
from glasspose.results import COLUMNS, Results
from glasspose.structures import Poses

pytestmark = pytest.mark.usefixtures("one_thread")
SCHEMA = json.loads((Path(__file__).parents[1] / "docs/schemas/poses.schema.json").read_text())
BLANK = np.full((200, 300, 3), GREY, np.uint8)


def poses_at(*people, seen=(True,) * 6, track_ids=None):
    count = len(people)
    return Poses(
        keypoints=np.array(people, float).reshape(count, 6, 2),
        scores=np.where(np.tile(seen, (count, 1)), 0.9, 0.125).reshape(count, 6),
        seen=np.tile(seen, (count, 1)).reshape(count, 6),
        boxes=np.tile([40.0, 10.0, 120.0, 170.0], (count, 1)),
        person_scores=np.full(count, 0.75),
        skeleton=DOTS,
        size=(200, 300),
        track_ids=track_ids,
    )


def rows(folder):
    return list(csv.DictReader((folder / "poses.csv").read_text().splitlines()))


def test_everything_that_is_promised_is_written(tmp_path):
    with Results(tmp_path / "out") as results:
        results.add("photo", "photos/photo.jpg", BLANK, poses_at(FIGURE))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"photo.pose.json", "photo.pose.jpg", "poses.csv", "coco_results.json", "images.json"}


def test_the_json_is_in_its_form_and_says_where_keypoints_are(tmp_path):
    with Results(tmp_path) as results:
        results.add("photo", "photos/photo.jpg", BLANK, poses_at(FIGURE, FIGURE + 20))
        results.add("empty", "photos/empty.jpg", BLANK, poses_at())
    told, empty = (json.loads((tmp_path / f"{name}.pose.json").read_text()) for name in ("photo", "empty"))
    validate(told, SCHEMA)
    validate(empty, SCHEMA)
    assert empty["people"] == []
    assert (told["image"], told["width"], told["height"]) == ("photo.jpg", 300, 200)
    assert told["people"][1]["keypoints"]["green"] == {"x": 110.5, "y": 80.25, "score": 0.9, "seen": True}


def test_what_is_not_seen_is_written_where_it_was_found(tmp_path):
    with Results(tmp_path) as results:
        results.add("photo", "photo.jpg", BLANK, poses_at(FIGURE, seen=(True, False) * 3))
    keypoints = json.loads((tmp_path / "photo.pose.json").read_text())["people"][0]["keypoints"]
    assert keypoints["green"] == {"x": 90.5, "y": 60.25, "score": 0.125, "seen": False}
    assert [row["seen"] for row in rows(tmp_path)] == ["1", "0"] * 3
    assert (rows(tmp_path)[1]["x"], rows(tmp_path)[1]["y"]) == ("90.500", "60.250")


def test_the_table_has_one_row_for_each_keypoint(tmp_path):
    with Results(tmp_path) as results:
        results.add("a", "a.jpg", BLANK, poses_at(FIGURE, FIGURE + 20))
        results.add("b", 'photos/b, "quoted".jpg', BLANK, poses_at(FIGURE))
    table = rows(tmp_path)
    assert tuple(table[0]) == COLUMNS
    assert [(row["image"], row["person"]) for row in table[::6]] == [("a.jpg", "0"), ("a.jpg", "1"), ('photos/b, "quoted".jpg', "0")]
    assert [row["keypoint"] for row in table[:6]] == list(DOTS.keypoints)
    assert float(table[6]["x"]) == FIGURE[0, 0] + 20


def test_coco_results_lead_to_their_images(tmp_path):
    with Results(tmp_path) as results:
        results.add("a", "a.jpg", BLANK, poses_at())
        results.add("b", "b.jpg", BLANK, poses_at(FIGURE, FIGURE + 20))
    results, images = (json.loads((tmp_path / name).read_text()) for name in ("coco_results.json", "images.json"))
    assert images[1] == {"id": 2, "file_name": "b.jpg", "width": 300, "height": 200}
    assert [entry["image_id"] for entry in results] == [2, 2]
    assert results[0]["keypoints"] == np.column_stack([FIGURE, np.full(6, 0.9)]).ravel().tolist()
    assert results[0]["score"] == 0.75


def test_coco_results_are_taken_by_coco_s_own_tools(tmp_path):
    from faster_coco_eval import COCO

    with Results(tmp_path) as results:
        results.add("a", "a.jpg", BLANK, poses_at(FIGURE))
    dataset = COCO({"images": json.loads((tmp_path / "images.json").read_text()), "annotations": [], "categories": [{"id": 1, "name": "person"}]})
    assert len(dataset.loadRes(json.loads((tmp_path / "coco_results.json").read_text())).anns) == 1


def test_the_overlay_draws_the_seen_at_their_places_and_the_others_faded(tmp_path):
    with Results(tmp_path) as results:
        results.add("photo", "photo.jpg", BLANK, poses_at(FIGURE, seen=(True, True, True, True, True, False)))
    change = np.abs(load_image(tmp_path / "photo.pose.jpg").astype(int) - BLANK).sum(2)
    seen, faded = (change[round(y) - 6 : round(y) + 7, round(x) - 6 : round(x) + 7] for x, y in FIGURE[4:])
    assert 40 < faded.max() < seen.max()
    assert change[:8, :8].max() < 20


def test_overlays_can_be_left_out(tmp_path):
    with Results(tmp_path, overlays=False) as results:
        results.add("photo", "photo.jpg", BLANK, poses_at(FIGURE))
    assert not list(tmp_path.glob("*.jpg"))
    assert (tmp_path / "photo.pose.json").exists()


def test_the_heatmaps_shine_where_the_keypoints_are(tmp_path):
    with Results(tmp_path) as results:
        results.add_heatmaps("photo", dot_picture(FIGURE), dot_predictor())
    fused, grid = load_image(tmp_path / "photo.heatmaps.jpg"), load_image(tmp_path / "photo.stacks.jpg")
    assert fused.shape == (200, 300, 3)
    bright = [fused[round(y), round(x)].astype(int) for x, y in FIGURE]
    assert all(pixel[1] > 150 > pixel[2] for pixel in bright)  # the yellow end of viridis
    assert fused[180, 250].max() < 90
    assert grid.shape[1] > 6 * 96
    assert grid.shape[0] > 2 * 96


@pytest.mark.parametrize("size", [(200, 300), (201, 299)])
def test_a_video_s_overlays_are_a_video(tmp_path, size):
    blank = np.full((*size, 3), GREY, np.uint8)
    with Results(tmp_path, fps=10.0) as results:
        for i in range(7):
            results.add(f"my-clip-{i:06d}", f"my-clip.mp4 frame {i}", blank, poses_at(FIGURE, track_ids=[4]), time=i / 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coco_results.json", "images.json", "my-clip.pose.mp4", "poses.csv"]
    capture = cv2.VideoCapture(str(tmp_path / "my-clip.pose.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == 10.0
    frames = [capture.read() for _ in range(8)]
    assert [read for read, _ in frames] == [True] * 7 + [False]
    height, width = (side // 2 * 2 for side in size)  # the codec has no odd sides: the last row or column is left out
    assert frames[6][1].shape[:2] == (height, width)
    assert np.abs(frames[6][1].astype(int) - blank[:height, :width]).max() > 60


def test_a_video_s_rows_say_when_and_who(tmp_path):
    with Results(tmp_path, fps=10.0, overlays=False) as results:
        results.add("clip-000003", "clip.mp4 frame 3", BLANK, poses_at(FIGURE, FIGURE + 20, track_ids=[4, 9]), time=0.3)
    assert [(row["time"], row["track"]) for row in rows(tmp_path)[::6]] == [("0.3000", "4"), ("0.3000", "9")]
    assert not list(tmp_path.glob("*.mp4"))


def test_a_track_is_in_the_json_form():
    told = poses_at(FIGURE, track_ids=[7]).to_json("a.jpg")
    validate(told, SCHEMA)
    assert told["people"][0]["track"] == 7


def begin_and_fail(folder):
    with Results(folder) as results:
        results.add("a", "a.jpg", BLANK, poses_at(FIGURE))
        raise KeyboardInterrupt


def test_what_was_done_is_kept_when_something_ends_it(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        begin_and_fail(tmp_path)
    assert len(json.loads((tmp_path / "coco_results.json").read_text())) == 1
    assert len(rows(tmp_path)) == 6


def test_a_name_that_is_no_utf_8_can_be_written(tmp_path):
    with Results(tmp_path) as results:
        results.add("a", "\udcff.jpg", BLANK, poses_at(FIGURE))
    assert len(rows(tmp_path)) == 6


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="cannot write"), Results(tmp_path / "out"):
        pass


def test_a_video_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "clip.pose.mp4").mkdir()
    with pytest.raises(InputError, match="cannot write"), Results(tmp_path, fps=25.0) as results:
        results.add("clip-000000", "clip.mp4 frame 0", BLANK, poses_at(FIGURE), time=0.0)
