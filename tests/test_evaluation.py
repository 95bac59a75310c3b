import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from commands_for_tests import coco_file
from dots_for_tests import DOTS, dot_network, dot_picture, moved
from glasspose import evaluation
from glasspose.configs.codecs import Coordinates
from glasspose.configs.data import Coco, DrawnPeople
from glasspose.configs.framing import Framing
from glasspose.configs.models import DeepPose
from glasspose.errors import AnnotationError, InputError, UsageError
from glasspose.evaluation import evaluate, evaluate_boxes
from glasspose.images import image_size
from glasspose.network import PoseNetwork
from glasspose.prediction import Predictor
from glasspose.skeletons import Skeleton

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def network(monkeypatch):
    """The network that finds dots, under every name of weights."""
    found = dot_network()
    card = {"name": "dots", "sha256": "0", "calibration": {"seen": [0.3] * 6, "person": 0.3}}
    monkeypatch.setattr(evaluation, "load_weights", lambda name: (found, card))
    return found


@pytest.fixture
def people(tmp_path):
    """Three pictures of one person and one of two, with the torso's length known."""
    coco_file(tmp_path / "coco", [(1, 0), (2, 30), (3, 250), (4, 0), (4, 300)])
    return Coco(root=tmp_path / "coco", annotations="annotations/dots.json", images="images", split="all", sigmas=(0.05,) * 6)


def test_a_known_shift_is_the_error_that_is_measured(network, people):
    """Two input pixels of 128 in a crop of 1.25 times the longer side of the labelled box (120 + 20)."""
    network.model.shift = torch.tensor([2.0, 0.0])
    report = evaluate("dots", people, flip_test=False, device="cpu")
    assert report["epe"]["mean"] == pytest.approx(2 * 1.25 * 140 / 128, abs=0.15)
    assert report["epe"]["counts"] == dict.fromkeys(DOTS.keypoints, 5)


@pytest.mark.parametrize("margin", [1.1, 1.6])
def test_people_are_framed_as_in_training(network, people, margin):
    """The same two input pixels are more of the picture where the crop is wider."""
    network.model.shift = torch.tensor([2.0, 0.0])
    network.framing = Framing(margin=margin)
    report = evaluate("dots", people, flip_test=False, device="cpu")
    assert report["epe"]["mean"] == pytest.approx(2 * margin * 140 / 128, abs=0.2)
    assert f"{margin} x" in report["protocol"]


def test_a_network_of_squashed_pictures_sees_whole_pictures_once(network, people, monkeypatch):
    network.model.shift = torch.tensor([2.0, 0.0])
    network.framing = Framing(framing="squash")
    asked = []
    monkeypatch.setattr(Predictor, "_ask", lambda self, crops, ask=Predictor._ask: asked.append(len(crops)) or ask(self, crops))
    report = evaluate("dots", people, flip_test=False, device="cpu")
    height, width = image_size(next((people.root / "images").iterdir()))
    assert width != height
    assert report["two_pass"]["epe"]["mean"] == pytest.approx(2 * width / 128, abs=0.3)
    assert asked == [5, 3]
    assert "squashed" in report["protocol"]


def test_labels_that_are_moved_by_a_pixel_are_that_far_from_a_network_that_is_right(network, people):
    """The network knows the dots' middles: what a pixel costs is the diagonal of one."""
    right, wrong = (evaluate("dots", people.model_copy(update={"shift": shift}), flip_test=False, device="cpu")["epe"]["mean"] for shift in (0, -1))
    assert right < 0.25
    assert wrong == pytest.approx(2**0.5, abs=0.25)


def test_the_flip_test_takes_back_a_shift_to_one_side(network, people):
    network.model.shift = torch.tensor([0.5, 0.0])
    plain, flipped = (evaluate("dots", people, flip_test=flip, device="cpu")["epe"]["mean"] for flip in (False, True))
    assert flipped < 0.5 * plain


def test_heatmaps_are_read_off_as_asked(network, people):
    """Whole pixels of a map of stride 4 are coarser than DARK, and what is asked of it stays as it was."""
    error = {decoder: evaluate("dots", people, decoder=decoder, device="cpu")["epe"]["mean"] for decoder in ("argmax", "quarter", "dark", None)}
    assert error["dark"] == error[None]
    assert error["dark"] < 0.5 * error["quarter"] < 0.5 * error["argmax"]


def test_only_heatmaps_have_a_choice_of_decoders(tmp_path):
    coordinates = PoseNetwork(DeepPose(input_size=(64, 64), widths=(4, 4, 4, 4, 4), dense=8), Coordinates(), DOTS)
    with pytest.raises(UsageError, match="coordinates has no choice of decoders"):
        coordinates.decoded("quarter")


HIPS = Skeleton(name="hips", keypoints=("left_hip", "right_hip", "left_eye", "right_eye", "nose", "neck"), pairs=((0, 1), (2, 3)))


@pytest.mark.parametrize(("decoder", "right"), [("uvic", 1.0), ("uvic_flip", 1.0), ("argmax", 0.0), ("dark", 0.0)])
def test_a_missing_keypoint_with_an_empty_map_is_right_as_uvic_counts(network, tmp_path, monkeypatch, decoder, right):
    """One person without a nose, in the label and in the picture, with noise in its map: what others decode from that is far from (0, 0)."""
    coco_file(tmp_path, [(1, 0)], HIPS.keypoints)
    labels = tmp_path / "annotations/dots.json"
    told = json.loads(labels.read_text())
    told["annotations"][0]["keypoints"][12:15] = [0, 0, 0]
    told["annotations"][0]["num_keypoints"] = 5
    labels.write_text(json.dumps(told))
    cv2.imwrite(str(tmp_path / "images/000000000001.png"), dot_picture(moved(0), (200, 600), missing=(4,))[..., ::-1])
    network.skeleton = HIPS
    forward = network.model.forward

    def noisy(images):
        maps = forward(images)
        maps[:, :, 4, 20, 25] = 0.1
        return maps

    monkeypatch.setattr(network.model, "forward", noisy)
    people = Coco(root=tmp_path, annotations="annotations/dots.json", images="images", split="all")
    report = evaluate("dots", people, decoder=decoder, protocols=("uvic_x_only", "uvic"), flip_test=False, device="cpu")["protocols"]
    assert report["uvic_x_only"]["per_keypoint"]["nose"] == right
    assert report["uvic_x_only"]["per_keypoint"]["neck"] == 1.0
    assert report["uvic"]["counts"]["nose"] == 0


def test_the_numbers_are_those_of_a_hand_count(network, people, monkeypatch):
    """Half of the keypoints are off by three tenths of the torso: right at 0.5, wrong at 0.2."""
    asked = evaluation.Predictor.predict_batch
    torso = float(np.linalg.norm(moved(0)[0] - moved(0)[5]))

    def shifted(self, images, boxes=None):
        offset = np.zeros((6, 2))
        offset[:3, 0] = 0.3 * torso
        return [replace(poses, keypoints=poses.keypoints + offset) for poses in asked(self, images, boxes)]

    read = evaluation.read

    def with_torso(data):
        dataset = read(data)
        return replace(dataset, annotations=[replace(person, torso=torso) for person in dataset.annotations])

    monkeypatch.setattr(evaluation, "read", with_torso)
    monkeypatch.setattr(evaluation.Predictor, "predict_batch", shifted)
    report = evaluate("dots", people, device="cpu")
    assert report["pck@0.2"]["micro"] == 0.5
    assert report["pck@0.2"]["per_keypoint"] == dict(zip(DOTS.keypoints, [0.0] * 3 + [1.0] * 3, strict=True))
    assert report["two_pass"]["pck@0.2"]["micro"] == 1.0
    assert report["pck@0.2"]["left_out"] == 0


@pytest.mark.parametrize("batch", [1, 3])
def test_the_batch_size_changes_nothing_that_is_printed(network, people, batch):
    whole, parts = (evaluate("dots", people, batch=size, device="cpu") for size in (16, batch))
    for part in (parts, parts["two_pass"]):
        other = whole if part is parts else whole["two_pass"]
        assert part["epe"]["mean"] == pytest.approx(other["epe"]["mean"], abs=1e-4)


def test_the_same_evaluation_gives_the_same_bits(nano_weights, tmp_path):
    data = DrawnPeople(count=7, folder=tmp_path)
    assert json.dumps(evaluate(nano_weights, data, batch=3)) == json.dumps(evaluate(nano_weights, data, batch=3))


def test_chunks_of_pictures_change_nothing(nano_weights, tmp_path, monkeypatch):
    data = DrawnPeople(count=7, folder=tmp_path)
    whole = evaluate(nano_weights, data, batch=4)
    monkeypatch.setattr(evaluation, "CHUNK", 2)
    assert json.dumps(evaluate(nano_weights, data, batch=4)) == json.dumps(whole)


def test_progress_ends_with_all_pictures(network, people):
    told = []
    evaluate("dots", people, device="cpu", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (4, 4)


def test_other_pictures_of_a_skeleton_are_asked_what_they_share(network, tmp_path):
    coco_file(tmp_path / "coco", [(1, 0), (2, 20)], names=("cyan", "b", "c", "d", "e", "red"))
    report = evaluate("dots", Coco(root=tmp_path / "coco", annotations="annotations/dots.json", images="images", split="all"), device="cpu")
    assert report["epe"]["counts"] == {"red": 2, "green": 0, "blue": 0, "yellow": 0, "magenta": 0, "cyan": 2}
    apart = float(np.linalg.norm(moved(0)[0] - moved(0)[5]))
    assert report["epe"]["mean"] == pytest.approx(apart, abs=0.5)


def test_nothing_in_common_is_refused(nano_weights, people):
    with pytest.raises(AnnotationError, match="shares no keypoint name"):
        evaluate(nano_weights, people)


def test_nobody_with_a_keypoint_is_refused(network, people, monkeypatch):
    read = evaluation.read
    monkeypatch.setattr(evaluation, "read", lambda data: replace(read(data), annotations=[]))
    with pytest.raises(InputError, match="nobody with a labelled keypoint"):
        evaluate("dots", people, device="cpu")
    (people.root / "boxes.json").write_text("[]")
    with pytest.raises(InputError, match="nobody"):
        evaluate_boxes("dots", people, people.root / "boxes.json", device="cpu")


def boxes_file(people, boxes):
    """A result file of (picture, shift, score)."""
    results = [{"image_id": n, "category_id": 1, "bbox": [45 + x, 15, 70, 150], "score": score} for n, x, score in boxes]
    path = people.root / "boxes.json"
    path.write_text(json.dumps(results))
    return path


def test_of_two_boxes_of_a_person_one_is_kept(network, people):
    boxes = boxes_file(people, [(4, 0, 0.9), (4, 2, 0.8), (4, 300, 0.9)])
    assert evaluate_boxes("dots", people, boxes, device="cpu")["detections"] == 2


def test_a_missed_person_costs_recall(network, people):
    boxes = boxes_file(people, [(1, 0, 0.9), (2, 30, 0.9), (3, 250, 0.9), (4, 0, 0.9)])
    oks = evaluate_boxes("dots", people, boxes, device="cpu")["oks"]
    assert oks["AR"] == pytest.approx(4 / 5)
    assert oks["AP"] < 0.85


def test_a_sure_box_on_empty_ground_ranks_last(network, people):
    """Its keypoints score next to nothing, so that it costs no precision above the people."""
    right = [(1, 0, 0.5), (2, 30, 0.5), (3, 250, 0.5), (4, 0, 0.5), (4, 300, 0.5)]
    empty = [(1, 300, 1.0)]
    report = evaluate_boxes("dots", people, boxes_file(people, right + empty), device="cpu")
    assert report["detections"] == 6
    assert report["oks"]["AP"] == pytest.approx(1.0)


def test_oks_needs_constants(nano_weights, tmp_path):
    with pytest.raises(UsageError, match="OKS"):
        evaluate_boxes(nano_weights, DrawnPeople(count=2, folder=tmp_path), tmp_path / "boxes.json")
