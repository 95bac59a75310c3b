import json
from dataclasses import replace
from functools import partial
from threading import Barrier, Event

import cv2
import numpy as np
import pytest

from dots_for_tests import FIGURE, dot_network, dot_picture, dot_predictor, moved
from glasspose import prediction, streaming
from glasspose.errors import ImageError, InputError, UsageError, WeightsError
from glasspose.people import PersonBoxes
from glasspose.sources import open_source
from glasspose.streaming import People, answers, predict, where
from glasspose.tracking import Tracker

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def dots(monkeypatch):
    """Every name of weights is the network that finds dots."""
    card = {"calibration": {"seen": [0.3] * 6, "person": 0.3}}
    monkeypatch.setattr(prediction, "load_weights", lambda name: (dot_network(), card))


@pytest.fixture
def photos(tmp_path):
    """Five pictures; the second and the last cannot be read."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in (1, 3, 4):
        cv2.imwrite(str(folder / f"{i}.png"), dot_picture(moved(10 * i), (200, 260 + 20 * i))[..., ::-1])
    (folder / "2.jpg").write_bytes(cv2.imencode(".jpg", dot_picture(FIGURE))[1].tobytes()[:900])
    (folder / "5.png").write_bytes(b"no picture")
    return folder


@pytest.mark.parametrize("batch", [1, 2, 16])
def test_a_bad_file_among_good_ones_ends_nothing(photos, batch):
    found = list(answers(dot_predictor(batch=batch), open_source(photos).frames))
    assert [answer.frame.name for answer in found] == ["1", "2", "3", "4", "5"]
    assert [answer.problem is None for answer in found] == [True, False, True, True, False]
    assert all(isinstance(found[i].problem, ImageError) and found[i].poses is None for i in (1, 4))
    for answer, i in ((found[0], 1), (found[2], 3), (found[3], 4)):
        assert answer.poses.keypoints[0] == pytest.approx(moved(10 * i), abs=0.5)


def test_no_more_than_a_batch_is_read_ahead(photos):
    read = []
    frames = (read.append(frame.name) or frame for frame in open_source(photos).frames)
    walk = answers(dot_predictor(batch=1), frames)
    next(walk)
    walk.close()  # waits for what is being read
    assert read == ["1", "2"]


def test_pictures_are_decoded_at_the_same_time(photos):
    """Each of two frames waits until the other one is being loaded."""
    meeting = Barrier(2, timeout=20)
    frames = [replace(frame, load=lambda: (meeting.wait(), dot_picture(FIGURE))[1]) for frame in list(open_source(photos).frames)[:2]]
    assert [answer.problem for answer in answers(dot_predictor(batch=2), frames)] == [None, None]


def test_the_next_batch_is_read_while_the_network_works(photos, monkeypatch):
    predictor, looked = dot_predictor(batch=1), Event()
    frames = list(open_source(photos).frames)[2:4]
    frames[1] = replace(frames[1], load=partial(_once, looked, frames[1].load))
    asked = predictor.predict_batch
    monkeypatch.setattr(predictor, "predict_batch", lambda *given: (looked.wait(20) or pytest.fail("nobody read ahead"), asked(*given))[1])
    assert [answer.poses is not None for answer in answers(predictor, frames)] == [True, True]


def _once(event, load):
    event.set()
    return load()


def test_what_cannot_be_walked_any_further_is_told(photos):
    def broken():
        yield next(open_source(photos).frames)
        raise InputError("the tape is torn", "Mend it")

    walk = answers(dot_predictor(batch=1), broken())
    assert next(walk).poses is not None
    with pytest.raises(InputError, match="torn"):
        next(walk)


def test_boxes_of_a_file_are_the_people(photos, tmp_path, dots):
    people = {"1.png": [{"box": [50, 10, 130, 170], "score": 0.5}], "3.png": [], "4.png": [{"box": [60, 0, 200, 180]}, {"box": [70, 0, 190, 170]}]}
    (tmp_path / "boxes.json").write_text(json.dumps({"format": "glasspose.boxes", "version": 1, "images": people}))
    found = list(predict(photos, boxes=tmp_path / "boxes.json", device="cpu"))
    assert [None if answer.poses is None else len(answer.poses) for answer in found] == [1, None, 0, 2, None]
    assert found[0].poses.boxes.tolist() == [[50, 10, 130, 170]]
    assert found[0].poses.person_scores == pytest.approx(0.5 * found[0].poses.scores.mean(1))
    assert found[3].poses.keypoints[1] == pytest.approx(moved(40), abs=0.5)


def test_a_picture_that_the_box_file_does_not_list_is_a_problem_of_its_own(photos, tmp_path, dots):
    people = {f"{i}.png": [{"box": [40, 10, 190, 180]}] for i in (1, 3)}
    (tmp_path / "boxes.json").write_text(json.dumps({"format": "glasspose.boxes", "version": 1, "images": people}))
    found = list(predict(photos, boxes=tmp_path / "boxes.json", device="cpu"))
    assert "does not list" in str(found[3].problem)
    assert found[2].poses is not None


def test_boxes_end_where_the_picture_ends(photos, tmp_path, dots):
    people = {"1.png": [{"box": [-20, -20, 130, 170]}, {"box": [900, 10, 990, 100], "score": 0.5}]}
    (tmp_path / "boxes.json").write_text(json.dumps({"format": "glasspose.boxes", "version": 1, "images": people}))
    found = next(predict(photos / "1.png", boxes=tmp_path / "boxes.json", device="cpu"))
    assert found.poses.boxes.tolist() == [[0, 0, 130, 170]]


def test_a_detector_finds_the_people(photos):
    def halves(image):
        height, width = image.shape[:2]
        return PersonBoxes(boxes=np.array([[0, 0, width, height], [0, 0, width / 2, height]], float), scores=np.array([0.9, 0.4]))

    found = list(answers(dot_predictor(), open_source(photos / "1.png").frames, People(detector=halves)))
    assert found[0].poses.person_scores == pytest.approx([0.9, 0.4] * found[0].poses.scores.mean(1))
    assert found[0].poses.keypoints[0] == pytest.approx(moved(10), abs=0.5)


def test_people_are_named_by_the_user(monkeypatch):
    asked = []
    monkeypatch.setattr(streaming, "open_detector", lambda name, device, download: asked.append((name, device, download)))
    where(None, "torchvision:any", dot_predictor())
    where(None, "torchvision:any", dot_predictor(), download=True)
    assert asked == [("torchvision:any", "cpu", False), ("torchvision:any", "cpu", True)]
    monkeypatch.undo()
    with pytest.raises(UsageError, match="names no detector"):
        where(None, "nonsense", dot_predictor())


def video(path, middles, size=(200, 300)):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, size[::-1])
    for x, y in middles:
        writer.write(dot_picture(moved(x, y), size)[..., ::-1])
    writer.release()
    return path


def test_a_video_is_followed_and_smoothed(tmp_path):
    rng = np.random.default_rng(0)
    path = video(tmp_path / "clip.mp4", rng.normal(80, 2.0, (12, 2)).round(1) - [0, 70])
    plain = [a.poses for a in answers(dot_predictor(batch=5), open_source(path).frames)]
    smooth = [a.poses for a in answers(dot_predictor(batch=5), open_source(path).frames, tracker=Tracker())]
    assert len(plain) == len(smooth) == 12
    assert {tuple(poses.track_ids) for poses in smooth} == {tuple(smooth[0].track_ids)}
    assert all(poses.track_ids is None for poses in plain)
    assert shake(smooth) < 0.6 * shake(plain)


def shake(poses):
    """How far keypoints go from frame to frame, in pixels."""
    return float(np.abs(np.diff([each.keypoints[0] for each in poses], axis=0)).mean())


def test_a_tracker_leaves_single_pictures_alone(photos):
    found = list(answers(dot_predictor(), open_source(photos / "1.png").frames, tracker=Tracker()))
    assert found[0].poses.track_ids is None


def test_what_cannot_begin_is_said_before_any_picture(photos, dots, tmp_path):
    with pytest.raises(InputError, match="is not there"):
        predict(tmp_path / "missing")
    with pytest.raises(InputError, match="cannot be read"):
        predict(photos, boxes=tmp_path / "missing.json", device="cpu")


def test_weights_that_are_not_there_are_said_before_any_picture(photos):
    with pytest.raises(WeightsError, match="no weights"):
        predict(photos, "missing.safetensors")
