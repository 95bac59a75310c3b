import contextlib
import copy
import io
import json

import numpy as np
import pytest
from pycocotools import coco as pycoco
from pycocotools.cocoeval import COCOeval

from glasspose.errors import InputError, UsageError
from glasspose.metrics import OKS_NAMES, coco_results, coco_truth, oks_scores
from glasspose.skeletons import COCO, LSP, Skeleton

HAND = Skeleton(name="hand", keypoints=("wrist", "thumb", "index"), sigmas=(0.05, 0.03, 0.04))


def made_up(seed, skeleton=COCO, boxes=False):
    """Labels and results that visit the corners: crowds, equal scores, copies, nobody labelled, more than 20 results, areas on the bounds."""
    rng = np.random.default_rng(seed)
    people, results = [], []
    for image in range(1, 9):
        for _ in range(rng.integers(0, 7)):
            people.append(person(rng, image, len(skeleton)))
            for _ in range(rng.choice([0, 1, 2, 8])):
                results.append(guess(rng, people[-1], boxes))
                results += [copy.deepcopy(results[-1])] * int(rng.integers(0, 2))
    for number, entry in enumerate(people, 1):
        entry["id"] = number
    rng.shuffle(results)
    truth = {"images": [{"id": i} for i in range(1, 9)], "annotations": people, "categories": [{"id": 1, "name": "x"}]}
    return truth, [*results, guess(rng, person(rng, 1, len(skeleton)), boxes)]


def person(rng, image, keypoints):
    side = float(rng.choice([20, 60, 200]))
    corner = rng.integers(0, 60, 2)
    visible = rng.integers(0, 3, keypoints) * (rng.random() > 0.2)
    points = np.where(visible[:, None] > 0, corner + rng.integers(0, side, (keypoints, 2)), 0)
    area = float(rng.choice([1024.0, 9216.0, side**2 / 2]))
    labelled = int((visible > 0).sum()) if rng.random() > 0.1 else 5  # now and then a file is wrong about it
    row = np.column_stack([points, visible]).ravel().tolist()
    box = [*map(float, corner), side, side]
    entry = {"image_id": image, "category_id": 1, "keypoints": row, "num_keypoints": labelled, "area": area, "bbox": box}
    return entry | {"iscrowd": int(rng.random() < 0.15)}


def guess(rng, truth, boxes):
    row = np.array(truth["keypoints"], np.float64).reshape(-1, 3)
    row[:, :2] += rng.normal(0, rng.choice([0, 1, 4, 15]), (len(row), 2)).round(int(rng.integers(0, 3)))
    found = {
        "image_id": truth["image_id"],
        "category_id": 1,
        "keypoints": row.ravel().tolist(),
        "score": float(rng.choice([0.2, 0.5, 0.9, rng.random()])),
    }
    return found | ({"bbox": truth["bbox"]} if boxes else {})


def official(truth, results, skeleton):
    """The ten numbers of pycocotools."""
    with contextlib.redirect_stdout(io.StringIO()):
        labels = pycoco.COCO()
        labels.dataset = copy.deepcopy(truth)
        labels.createIndex()
        judge = COCOeval(labels, labels.loadRes(copy.deepcopy(results)), "keypoints")
        judge.params.kpt_oks_sigmas = np.array(skeleton.sigmas)
        for step in (judge.evaluate, judge.accumulate, judge.summarize):
            step()
    return judge.stats


@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize("skeleton", [COCO, HAND], ids=lambda s: s.name)
@pytest.mark.parametrize("seed", range(6))
def test_equal_to_pycocotools_on_made_up_people(seed, skeleton, boxes):
    truth, results = made_up(seed, skeleton, boxes)
    scores = oks_scores(truth, results, skeleton)
    assert [-1 if v is None else v for v in scores.values()] == pytest.approx(official(truth, results, skeleton), abs=1e-9)


@pytest.mark.nightly
@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize("skeleton", [COCO, HAND], ids=lambda s: s.name)
def test_equal_to_pycocotools_on_two_hundred_sets(skeleton, boxes):
    for seed in range(100, 150):
        truth, results = made_up(seed, skeleton, boxes)
        scores = oks_scores(truth, results, skeleton)
        assert [-1 if v is None else v for v in scores.values()] == pytest.approx(official(truth, results, skeleton), abs=1e-9)


def test_made_up_people_visit_the_corners():
    truths, results = zip(*(made_up(seed) for seed in range(6)), strict=True)
    people = [p for truth in truths for p in truth["annotations"]]
    unlabelled = [p for p in people if not any(p["keypoints"][2::3])]
    assert {p["num_keypoints"] for p in unlabelled} == {0, 5}
    assert any(p["iscrowd"] for p in people)
    assert max(np.bincount([r["image_id"] for r in found]).max() for found in results) > 20


def test_arguments_stay_as_they_were(capfd):
    truth, results = made_up(0)
    before = json.dumps([truth, results])
    oks_scores(truth, results, COCO)
    assert json.dumps([truth, results]) == before
    assert capfd.readouterr() == ("", "")


def test_scores_are_json_without_nan():
    scores = oks_scores(*made_up(3), COCO)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert tuple(scores) == OKS_NAMES


def test_order_of_images_and_ids_of_labels_do_not_matter():
    truth, results = made_up(1)
    images = truth["images"][::-1]
    people = sorted(({**entry, "id": 7 * i} for i, entry in enumerate(truth["annotations"])), key=lambda entry: -entry["image_id"])
    other = oks_scores(truth | {"images": images, "annotations": people}, results, COCO)
    assert other == pytest.approx(oks_scores(truth, results, COCO), abs=1e-12)


def people_of_three_sizes():
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(0, 100, (30, 3, 2))
    boxes = np.column_stack([keypoints.min(1), keypoints.max(1)])
    areas = np.resize([500.0, 5_000.0, 50_000.0], 30)
    return {
        "keypoints": keypoints,
        "labelled": np.ones((30, 3), bool),
        "boxes": boxes,
        "areas": areas,
        "image_ids": np.arange(30) // 2,
        "crowd": np.zeros(30, bool),
    }


def test_people_are_written_as_coco_writes_them():
    people = {name: values[:1] for name, values in people_of_three_sizes().items()}
    people["keypoints"] = np.array([[(1.0, 2.0), (3.0, 4.5), (0.0, 0.0)]])
    people["labelled"] = np.array([[True, True, False]])
    people["boxes"] = np.array([[1.0, 2.0, 11.0, 22.0]])
    row = {"keypoints": [1.0, 2.0, 2.0, 3.0, 4.5, 2.0, 0.0, 0.0, 0.0], "bbox": [1.0, 2.0, 10.0, 20.0], "area": 500.0, "iscrowd": 0}
    assert coco_truth(**people) == {"images": [{"id": 0}], "annotations": [{"image_id": 0, "category_id": 1} | row], "categories": [{"id": 1}]}


def test_perfect_predictions_are_one():
    people = people_of_three_sizes()
    results = coco_results(people["keypoints"], np.full(30, 0.5), people["image_ids"])
    assert oks_scores(coco_truth(**people), results, HAND) == pytest.approx(dict.fromkeys(OKS_NAMES, 1.0))


def test_an_unlabelled_keypoint_is_not_judged():
    people = people_of_three_sizes()
    results = coco_results(people["keypoints"] + [[0, 0], [0, 0], [900, 0]], np.ones(30), people["image_ids"])
    people["labelled"][:, 2] = False
    assert oks_scores(coco_truth(**people), results, HAND)["AP"] == pytest.approx(1.0)


def test_a_crowd_is_neither_hit_nor_miss():
    people = people_of_three_sizes()
    people["crowd"][::2] = True
    results = coco_results(people["keypoints"][1::2], np.ones(15), people["image_ids"][1::2])
    assert oks_scores(coco_truth(**people), results, HAND)["AR"] == 1.0


def test_a_size_that_nobody_has_is_none():
    people = people_of_three_sizes()
    people["areas"][:] = 5_000.0
    scores = oks_scores(coco_truth(**people), coco_results(people["keypoints"], np.ones(30), people["image_ids"]), HAND)
    assert (scores["AP_medium"], scores["AP_large"], scores["AR_large"]) == (1.0, None, None)


def test_no_results_are_zero_and_no_labels_are_none():
    people = people_of_three_sizes()
    truth = coco_truth(**people)
    assert oks_scores(truth, [], HAND) == dict.fromkeys(OKS_NAMES, 0.0)
    results = coco_results(people["keypoints"], np.ones(30), people["image_ids"])
    assert oks_scores(truth | {"annotations": []}, results, HAND) == dict.fromkeys(OKS_NAMES)
    assert oks_scores(truth | {"annotations": []}, [], HAND) == dict.fromkeys(OKS_NAMES)


def test_results_on_an_image_without_people_cost_precision():
    people = people_of_three_sizes()
    truth = coco_truth(**people)
    truth["images"].append({"id": 99})
    images = np.append(people["image_ids"], 99)
    results = coco_results(np.append(people["keypoints"], people["keypoints"][:1], axis=0), np.append(np.ones(30), 2.0), images)
    assert oks_scores(truth, results, HAND)["AP"] == pytest.approx(30 / 31, abs=1e-3)


def test_a_label_with_id_0_and_without_a_count_is_judged_like_any_other():
    people = people_of_three_sizes()
    truth = coco_truth(**people)
    results = coco_results(people["keypoints"], np.ones(30), people["image_ids"])
    truth["annotations"] = [entry | {"id": i} for i, entry in enumerate(truth["annotations"])]
    assert "num_keypoints" not in truth["annotations"][0]
    assert oks_scores(truth, results, HAND)["AR"] == 1.0


def test_a_skeleton_without_sigmas_is_refused():
    with pytest.raises(UsageError, match=r"skeleton lsp.*sigmas.*PCK"):
        oks_scores({}, [], LSP)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"keypoints": [1.0] * 6}, "result 1 has 6 numbers.* 3 keypoints"),
        ({"keypoints": None}, "result 1 cannot be judged"),
        ({"keypoints": [np.nan] * 9}, "result 1 holds numbers that are not finite"),
        ({"score": float("inf")}, "result 1 holds numbers that are not finite"),
        ({"score": "high"}, "result 1 cannot be judged"),
        ({"image_id": 77}, "image 77, category 1, which the annotations do not list"),
        ({"category_id": 2}, "image 0, category 2, which the annotations do not list"),
        ({"bbox": [1, 2, 3]}, "a box has 4"),
        ({"bbox": [np.nan] * 4}, "result 1 holds numbers that are not finite"),
    ],
)
def test_a_malformed_result_is_one_line(change, said):
    people = people_of_three_sizes()
    results = coco_results(people["keypoints"][:1], np.ones(1), people["image_ids"][:1])
    with pytest.raises(InputError, match=said):
        oks_scores(coco_truth(**people), [results[0] | change], HAND)


@pytest.mark.parametrize("gone", ["keypoints", "area", "bbox", "image_id"])
def test_a_label_without_a_field_is_named(gone):
    truth = coco_truth(**people_of_three_sizes())
    del truth["annotations"][4][gone]
    with pytest.raises(InputError, match=f"annotation 5 cannot be judged by OKS: KeyError at '{gone}'"):
        oks_scores(truth, [], HAND)


@pytest.mark.parametrize("truth", [{}, {"images": [{}], "categories": []}, {"images": [{"id": "a"}], "categories": []}])
def test_labels_without_images_are_one_line(truth):
    with pytest.raises(InputError, match="the annotations' images cannot be read"):
        oks_scores(truth, [], HAND)
