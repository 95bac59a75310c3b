"""Numbers that others have published, on their own predictions."""

import json
import time

import numpy as np
import pytest
import scipy.io

from glasspose.metrics import OKS_NAMES, auc, distances, head_size, oks_scores, pckh_table
from glasspose.skeletons import COCO

pytestmark = pytest.mark.data

PUBLISHED = {
    "hg_s2_b1": [95.80, 94.57, 88.12, 83.31, 86.24, 80.88, 77.44, 86.76],
    "hg_s1_b1": [95.12, 93.61, 85.53, 79.56, 84.51, 78.28, 73.38, 84.46],
}
VAL2014 = [0.372, 0.636, 0.348, 0.384, 0.386, 0.514, 0.734, 0.504, 0.508, 0.522]


@pytest.fixture(scope="module")
def mpii(data_root):
    """True keypoints (2958, 16, 2), labelled (2958, 16), head sizes (2958,), and a reader of predictions; all count pixels from 1."""
    folder = data_root / "golden/mpii_pckh"
    truth = scipy.io.loadmat(folder / "detections_our_format.mat")
    boxes = truth["headboxes_src"].transpose(2, 0, 1).reshape(-1, 4)
    predictions = {name: scipy.io.loadmat(folder / f"{name}.mat")["preds"] for name in PUBLISHED}
    return truth["pos_gt_src"].transpose(2, 0, 1), truth["jnt_missing"].T == 0, head_size(boxes), predictions


@pytest.fixture(scope="module")
def coco(data_root):
    """Reads one of the OKS fixtures."""
    return lambda name: json.loads((data_root / "golden/coco_oks" / name).read_text())


@pytest.mark.parametrize("name", PUBLISHED)
def test_pckh_of_two_published_hourglasses(mpii, name):
    truth, labelled, sizes, predictions = mpii
    row = pckh_table(distances(predictions[name], truth), labelled, sizes).row
    assert list(row) == ["Head", "Sho", "Elb", "Wri", "Hip", "Kne", "Ank", "Mean"]
    assert [100 * value for value in row.values()] == pytest.approx(PUBLISHED[name], abs=0.005)


def test_pooled_and_weighted_pckh_of_the_two_stack_hourglass(mpii):
    truth, labelled, sizes, predictions = mpii
    table = pckh_table(distances(predictions["hg_s2_b1"], truth), labelled, sizes)
    assert (table.all_joints.micro, table.official.micro) == pytest.approx((0.8819620, 0.8729899), abs=1e-6)
    assert (table.all_joints.n, table.all_joints.left_out) == (2958, 0)


def test_counting_pixels_from_0_on_one_side_only_misses_the_published_numbers(mpii):
    truth, labelled, sizes, predictions = mpii
    mean = pckh_table(distances(predictions["hg_s2_b1"] - 1, truth - 1), labelled, sizes).row["Mean"]
    shifted = pckh_table(distances(predictions["hg_s2_b1"] - 1, truth), labelled, sizes).row["Mean"]
    assert mean == pytest.approx(0.8676, abs=5.1e-5)
    assert abs(shifted - 0.8676) > 0.002


def test_area_under_pckh_is_the_trapezoid_of_its_curve(mpii):
    truth, labelled, sizes, predictions = mpii
    apart = distances(predictions["hg_s2_b1"], truth)
    curve = [pckh_table(apart, labelled, sizes, t).all_joints.micro for t in np.linspace(0, 0.5, 51)]
    assert auc(apart, labelled, sizes).micro == pytest.approx(np.trapezoid(curve, dx=0.01) / 0.5, abs=1e-12)


def test_intervals_over_all_of_mpii_come_at_once(mpii):
    truth, labelled, sizes, predictions = mpii
    apart = distances(predictions["hg_s2_b1"], truth)
    began = time.process_time()
    official = pckh_table(apart, labelled, sizes, image_ids=np.arange(len(truth))).official
    assert time.process_time() - began < 1
    low, high = official.interval
    assert low < official.mean < high
    assert 0.005 < high - low < 0.02


def test_coco_scores_of_the_official_fake_results(coco):
    truth = coco("person_keypoints_val2014_100_reconstructed.json")
    scores = oks_scores(truth, coco("person_keypoints_val2014_fakekeypoints100_results.json"), COCO)
    assert [round(scores[name], 3) for name in OKS_NAMES] == VAL2014


def test_coco_scores_of_the_small_fixture(coco):
    scores = oks_scores(coco("fixture_gt_dataset.json"), coco("fixture_dt_dataset.json"), COCO)
    assert [scores[name] for name in ("AP", "AP50", "AP75")] == pytest.approx([0.504884, 0.722772, 0.633663], abs=5e-7)


def test_official_labels_as_predictions_of_themselves_are_perfect(coco):
    truth = coco("person_keypoints_val2017_official_481imgs.json")
    people = [a for a in truth["annotations"] if a["num_keypoints"] and not a["iscrowd"]]
    results = [{"image_id": a["image_id"], "category_id": a["category_id"], "keypoints": a["keypoints"], "score": 1.0} for a in people]
    scores = oks_scores(truth, results, COCO)
    assert (scores["AP"], scores["AR"]) == (1.0, 1.0)
