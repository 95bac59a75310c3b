import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import coco as pycoco
from pycocotools.cocoeval import COCOeval

from glasspose.errors import UsageError
from glasspose.metrics import coco_results, coco_truth, oks, oks_nms, oks_sigmas
from glasspose.skeletons import COCO, LSP

SIGMAS = oks_sigmas(COCO)
seeds = st.integers(0, 2**32 - 1)


def people(seed=0, n=6):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 200, (n, 17, 2))
    labelled = rng.random((n, 17)) < 0.7
    labelled[:, 0] = True
    return truth + rng.normal(0, 10, truth.shape), truth, labelled, rng.uniform(1000, 40000, n)


def test_oks_by_hand():
    predicted, truth, labelled = np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), np.ones((1, 2), bool)
    predicted[0, 1] = 3, 4
    found = oks(predicted, truth, labelled, np.array([100.0]), np.array([0.1, 0.25]))
    assert found == pytest.approx([(1 + np.exp(-25 / (2 * 100 * 0.5**2))) / 2])


def test_oks_is_that_of_pycocotools(capsys):
    predicted, truth, labelled, area = people()
    labels = pycoco.COCO()
    boxes = np.zeros((6, 4))
    labels.dataset = coco_truth(truth, labelled, boxes, area, np.arange(6), np.zeros(6, bool))
    labels.dataset["annotations"] = [entry | {"id": i, "num_keypoints": 1} for i, entry in enumerate(labels.dataset["annotations"], 1)]
    labels.createIndex()
    judge = COCOeval(labels, labels.loadRes(coco_results(predicted, np.ones(6), np.arange(6))), "keypoints")
    judge._prepare()
    assert oks(predicted, truth, labelled, area, SIGMAS) == pytest.approx([judge.computeOks(i, 1)[0, 0] for i in range(6)], abs=1e-12)


@given(seeds)
def test_perfect_is_one_and_unlabelled_keypoints_do_not_matter(seed):
    predicted, truth, labelled, area = people(seed)
    assert np.allclose(oks(truth, truth, labelled, area, SIGMAS), 1, rtol=0, atol=1e-12)
    other = np.where(labelled[..., None], predicted, -1e3)
    assert np.array_equal(oks(other, truth, labelled, area, SIGMAS), oks(predicted, truth, labelled, area, SIGMAS))


@given(seeds, st.sampled_from([0.5, 2.0, 16.0]), st.integers(-500, 500))
def test_scale_and_shift_do_not_matter(seed, scale, shift):
    predicted, truth, labelled, area = people(seed)
    moved = oks(scale * predicted + shift, scale * truth + shift, labelled, scale**2 * area, SIGMAS)
    assert moved == pytest.approx(oks(predicted, truth, labelled, area, SIGMAS), abs=1e-9)


def test_nobody_labelled_is_zero():
    assert oks(np.ones((1, 17, 2)), np.ones((1, 17, 2)), np.zeros((1, 17), bool), np.array([100.0]), SIGMAS).tolist() == [0.0]


def test_a_skeleton_without_sigmas_is_refused():
    with pytest.raises(UsageError, match=r"OKS is not defined for skeleton lsp.*Give the skeleton `sigmas`"):
        oks_sigmas(LSP)


def test_duplicates_go_and_the_best_stays_first():
    _, truth, _, area = people()
    twice = np.concatenate([truth, truth + 0.5])
    scores = np.array([0.1, 0.8, 0.3, 0.4, 0.5, 0.6, 0.9, 0.7, 0.2, 0.45, 0.55, 0.65])
    assert oks_nms(twice, scores, np.tile(area, 2), SIGMAS).tolist() == [6, 1, 11, 10, 9, 2]


def test_threshold_belongs_to_those_who_stay():
    _, truth, _, area = people(n=1)
    pair, scores, areas = np.concatenate([truth, truth]), np.array([0.5, 0.5]), np.repeat(area, 2)
    assert oks_nms(pair, scores, areas, SIGMAS, threshold=1.0).tolist() == [0, 1]
    assert oks_nms(pair, scores, areas, SIGMAS, threshold=0.99).tolist() == [0]


def test_two_areas_are_averaged():
    _, truth, _, _ = people(n=1)
    pair, areas = np.concatenate([truth, truth + 10]), np.array([1000.0, 9000.0])
    similar = oks(truth, truth + 10, np.ones((1, 17), bool), np.array([5000.0]), SIGMAS)[0]
    assert len(oks_nms(pair, np.ones(2), areas, SIGMAS, threshold=similar - 1e-6)) == 1
    assert len(oks_nms(pair, np.ones(2), areas, SIGMAS, threshold=similar + 1e-6)) == 2


def test_nobody_and_one_stay_as_they_are():
    assert oks_nms(np.zeros((0, 17, 2)), np.zeros(0), np.zeros(0), SIGMAS).tolist() == []
    assert oks_nms(np.zeros((1, 17, 2)), np.zeros(1), np.ones(1), SIGMAS).tolist() == [0]
