"""Numbers that others have published, on their own predictions."""

import itertools
import json
import math
import time

import h5py
import numpy as np
import pytest
import scipy.io

from glasspose.metrics import OKS_NAMES, Matched, auc, distances, head_size, measure, oks_scores, pckh_table
from glasspose.skeletons import COCO, MPII

pytestmark = pytest.mark.data

PUBLISHED = {
    "hg_s2_b1": [95.80, 94.57, 88.12, 83.31, 86.24, 80.88, 77.44, 86.76],
    "hg_s1_b1": [95.12, 93.61, 85.53, 79.56, 84.51, 78.28, 73.38, 84.46],
}
FROZEN = [
    ("hg_s2_b1", 0.5, 86.7574993, 87.2989852),
    ("hg_s2_b1", 0.1, 23.7169197, 23.9136092),
    ("hg_s2_b1", 0.11, 27.8383415, 28.0822274),
    ("hg_s1_b1", 0.1, 22.5976909, 22.8103044),
    ("hg_s1_b1", 0.11, 26.5959522, 26.8488160),
]
"""PCKh in percent at a threshold: the plain mean over 14 joints, and that weighted by their counts, as the port in this file gave them once."""
AREAS = [("hg_s2_b1", 0.5696034922, 0.5789846293), ("hg_s1_b1", 0.5504335405, 0.5611240958)]
VAL2014 = [0.372, 0.636, 0.348, 0.384, 0.386, 0.514, 0.734, 0.504, 0.508, 0.522]


@pytest.fixture(scope="module")
def mpii(data_root):
    """True keypoints (2958, 16, 2), labelled (2958, 16), head sizes (2958,), predictions, head boxes (2958, 4); all count pixels from 1."""
    folder = data_root / "golden/mpii_pckh"
    truth = scipy.io.loadmat(folder / "detections_our_format.mat")
    boxes = truth["headboxes_src"].transpose(2, 0, 1).reshape(-1, 4)
    predictions = {name: scipy.io.loadmat(folder / f"{name}.mat")["preds"] for name in PUBLISHED}
    return truth["pos_gt_src"].transpose(2, 0, 1), truth["jnt_missing"].T == 0, head_size(boxes), predictions, boxes


@pytest.fixture(scope="module")
def coco(data_root):
    """Reads one of the OKS fixtures."""
    return lambda name: json.loads((data_root / "golden/coco_oks" / name).read_text())


@pytest.mark.parametrize("name", PUBLISHED)
def test_pckh_of_two_published_hourglasses(mpii, name):
    truth, labelled, sizes, predictions, _ = mpii
    row = pckh_table(distances(predictions[name], truth), labelled, sizes).row
    assert list(row) == ["Head", "Sho", "Elb", "Wri", "Hip", "Kne", "Ank", "Mean"]
    assert [100 * value for value in row.values()] == pytest.approx(PUBLISHED[name], abs=0.005)


def test_pooled_and_weighted_pckh_of_the_two_stack_hourglass(mpii):
    truth, labelled, sizes, predictions, _ = mpii
    table = pckh_table(distances(predictions["hg_s2_b1"], truth), labelled, sizes)
    assert (table.all_joints.micro, table.official.micro) == pytest.approx((0.8819620, 0.8729899), abs=1e-6)
    assert (table.all_joints.n, table.all_joints.left_out) == (2958, 0)


def test_counting_pixels_from_0_on_one_side_only_misses_the_published_numbers(mpii):
    truth, labelled, sizes, predictions, _ = mpii
    mean = pckh_table(distances(predictions["hg_s2_b1"] - 1, truth - 1), labelled, sizes).row["Mean"]
    shifted = pckh_table(distances(predictions["hg_s2_b1"] - 1, truth), labelled, sizes).row["Mean"]
    assert mean == pytest.approx(0.8676, abs=5.1e-5)
    assert abs(shifted - 0.8676) > 0.002


def as_matched(mpii, name):
    truth, labelled, sizes, predictions, _ = mpii
    n = len(truth)
    return Matched(
        skeleton=MPII,
        predicted=predictions[name].astype(float),
        truth=truth.astype(float),
        labelled=labelled,
        occluded=np.zeros_like(labelled),
        torso=np.zeros(n),
        head=sizes,
        image_ids=np.arange(n),
        to_grid=np.tile(np.eye(2, 3), (n, 1, 1)),
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_protocols_give_the_published_numbers(mpii, name):
    told = as_matched(mpii, name)
    found = measure(told, "pckh")
    assert 100 * found.overall.value == pytest.approx(PUBLISHED[name][-1], abs=0.005)
    groups = ("head", "shoulders", "elbows", "wrists", "hips", "knees", "ankles")
    assert [100 * found.parts[group].value for group in groups] == pytest.approx(PUBLISHED[name][:-1], abs=0.005)
    low, high = found.overall.interval
    assert low < found.overall.value < high
    assert measure(told, "head_box@0.5:joints").overall.value > measure(told, "pckh:joints").overall.value


def test_the_head_segment_is_a_third_longer_than_the_official_unit(mpii):
    """So that PCKh@0.5 by the segment is the official PCKh at 0.667, several points higher."""
    told = as_matched(mpii, "hg_s2_b1")
    neck, top = MPII.index("upper_neck"), MPII.index("head_top")
    ratio = (told.between("upper_neck", "head_top") / told.head)[told.labelled[:, [neck, top]].all(1)]
    assert np.quantile(ratio, [0.05, 0.5, 0.95]) == pytest.approx([4 / 3] * 3, abs=1e-5)
    official, longer, by_segment = (measure(told, name).overall.value for name in ("head_box@0.5", "head_box@0.6667", "head_segment@0.5"))
    assert by_segment == pytest.approx(longer, abs=0.001)
    assert by_segment - official > 0.02


def test_whole_pixels_blur_that_ratio(data_root):
    """The labels as the hourglass releases spread them are cut to whole pixels."""
    with h5py.File(data_root / "mpii/valid.h5") as file:
        parts, sizes = file["part"][:], file["normalize"][:]
    neck, top = parts[:, MPII.index("upper_neck")], parts[:, MPII.index("head_top")]
    both = (neck > 0).all(1) & (top > 0).all(1)
    ratio = np.linalg.norm(neck - top, axis=1)[both] / sizes[both]
    assert np.quantile(ratio, [0.05, 0.5, 0.95]) == pytest.approx([1.316, 1.333, 1.351], abs=0.001)


def test_a_protocol_without_intervals_takes_milliseconds(mpii):
    from glasspose.metrics.protocols import _hits, protocol

    told, by = as_matched(mpii, "hg_s2_b1"), protocol("head_box@0.5")
    began = time.process_time()
    _hits(told, by)
    assert time.process_time() - began < 0.1
    began = time.process_time()
    measure(told, by)
    assert time.process_time() - began < 2


def test_area_under_pckh_is_the_trapezoid_of_its_curve(mpii):
    truth, labelled, sizes, predictions, _ = mpii
    apart = distances(predictions["hg_s2_b1"], truth)
    curve = [pckh_table(apart, labelled, sizes, t).all_joints.micro for t in np.linspace(0, 0.5, 51)]
    assert auc(apart, labelled, sizes).micro == pytest.approx(np.trapezoid(curve, dx=0.01) / 0.5, abs=1e-12)


def plain_pckh(mpii, name, threshold):
    """The official definition, joint by joint and person by person: share of labelled joints within threshold * 0.6 * |head box|, in percent.

    Returns the share of each of 16 joints, and how many people have it.
    """
    truth, labelled, _, predictions, boxes = mpii
    shares, counts = [], []
    for joint in range(16):
        right = people = 0
        for person in range(len(truth)):
            if labelled[person, joint]:
                x1, y1, x2, y2 = (float(v) for v in boxes[person])
                (x, y), (u, v) = (map(float, array[person, joint]) for array in (truth, predictions[name]))
                right += math.hypot(u - x, v - y) / (0.6 * math.hypot(x2 - x1, y2 - y1)) <= threshold
                people += 1
        shares.append(100 * right / people)
        counts.append(people)
    return shares, counts


WITHOUT_TRUNK = [joint for joint in range(16) if joint not in (6, 7)]


@pytest.mark.parametrize(("name", "threshold", "plain", "weighted"), FROZEN)
def test_pckh_at_other_thresholds_is_that_of_a_plain_port(mpii, name, threshold, plain, weighted):
    """The weighted mean at 0.11 is what HRNet's evaluation, and what came from it, prints as Mean@0.1."""
    shares, counts = plain_pckh(mpii, name, threshold)
    mean = sum(shares[joint] for joint in WITHOUT_TRUNK) / 14
    by_count = sum(shares[joint] * counts[joint] for joint in WITHOUT_TRUNK) / sum(counts[joint] for joint in WITHOUT_TRUNK)
    assert (mean, by_count) == pytest.approx((plain, weighted), abs=1e-6)
    told = as_matched(mpii, name)
    assert 100 * measure(told, f"head_box@{threshold}:fourteen").overall.value == pytest.approx(mean, abs=1e-9)
    assert 100 * measure(told, f"head_box@{threshold}:fourteen:joints").overall.value == pytest.approx(by_count, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "plain", "pooled"), AREAS)
def test_the_area_under_pckh_is_that_of_a_plain_port(mpii, name, plain, pooled):
    """Trapezoids between the official thresholds 0, 0.01 ... 0.5; the mean of 14 joints, and all 16 in one pool."""
    truth, labelled, sizes, predictions, _ = mpii
    steps = [plain_pckh(mpii, name, hundredth / 100) for hundredth in range(51)]
    curves = [[shares[joint] / 100 for shares, _ in steps] for joint in range(16)]
    areas = [sum((one + other) / 2 for one, other in itertools.pairwise(curve)) / 50 for curve in curves]
    counts = steps[0][1]
    mean = sum(areas[joint] for joint in WITHOUT_TRUNK) / 14
    pool = sum(area * count for area, count in zip(areas, counts, strict=True)) / sum(counts)
    assert (mean, pool) == pytest.approx((plain, pooled), abs=1e-8)
    found = auc(distances(predictions[name], truth), labelled, sizes)
    assert found.micro == pytest.approx(pool, abs=1e-9)
    assert [found.per_keypoint[joint] for joint in range(16)] == pytest.approx(areas, abs=1e-9)


def test_intervals_over_all_of_mpii_come_at_once(mpii):
    truth, labelled, sizes, predictions, _ = mpii
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
