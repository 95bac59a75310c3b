import numpy as np
import pytest

from glasspose.configs.data import DrawnPeople
from glasspose.data import read
from glasspose.explain.planting import PLANTS, plant, plantable
from glasspose.explain.suspicion import Claims, reason, signals, taught_weights
from glasspose.skeletons import LSP

K = len(LSP)


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    people = read(DrawnPeople(count=120, folder=tmp_path_factory.mktemp("drawn"))).annotations
    return np.stack([person.keypoints for person in people])


def claims(truth, noise=2.0, seed=0):
    """A network that is nearly right, and sure."""
    rng = np.random.default_rng(seed)
    return Claims(
        skeleton=LSP,
        keypoints=truth + rng.normal(0, noise, truth.shape),
        scores=rng.uniform(0.6, 0.9, truth.shape[:2]),
        truth=truth,
        labelled=np.ones(truth.shape[:2], bool),
    )


def gaussian_maps(points, size=40, stride=4.0):
    rows, columns = np.mgrid[:size, :size]
    x, y = ((points[..., axis, None, None] + 0.5) / stride - 0.5 for axis in (0, 1))
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 2).astype(np.float16)


@pytest.mark.parametrize(("kind", "word"), [("flip", "left and right of the whole body"), ("swap", "look exchanged"), ("shift", "all labels lie")])
@pytest.mark.parametrize("with_maps", [False, True])
def test_each_kind_is_named(truth, kind, word, with_maps):
    clean = claims(truth)
    if with_maps:
        clean = Claims(**{**vars(clean), "maps": gaussian_maps(clean.keypoints), "stride": 4.0})
    rng, named = np.random.default_rng(0), 0
    for i in range(30):
        points, labelled = PLANTS[kind](truth[i], np.ones(K, bool), LSP, rng)
        named += word in reason(signals(clean.with_labels(np.array([i]), points[None], labelled[None])), i)
    assert named >= 24


def test_planted_errors_come_first_and_untaught_weights_are_no_better(truth):
    clean, rng = claims(truth, noise=6.0), np.random.default_rng(1)
    rows = []
    for _ in range(3):
        who, _, points, labelled = plant(truth, clean.labelled, LSP, 40, rng)
        rows.append(signals(clean.with_labels(who, points, labelled)).matrix()[who])
    weights = taught_weights(signals(clean).matrix(), np.concatenate(rows))
    assert (weights >= 0).all()
    who, _, points, labelled = plant(truth, clean.labelled, LSP, 6, rng)
    suspicion = signals(clean.with_labels(who, points, labelled)).matrix() @ weights
    assert np.isin(np.argsort(-suspicion)[:6], who).mean() >= 0.8


def test_a_second_peak_at_the_label_speaks_for_the_label(truth):
    one = claims(truth[:20])
    sure = Claims(**{**vars(one), "maps": gaussian_maps(one.keypoints), "stride": 4.0})
    twin = np.array(LSP.flip)
    unsure = Claims(**{**vars(sure), "maps": np.maximum(sure.maps, sure.maps[:, twin])})
    flipped = truth[:20][:, twin]
    everyone, known = np.arange(20), np.ones((20, K), bool)
    told = [signals(c.with_labels(everyone, flipped, known)).values["left/right"].mean() for c in (sure, unsure)]
    assert told[1] < 0.2 * told[0]


def test_plants(truth):
    rng, known = np.random.default_rng(0), np.ones(K, bool)
    made = {kind: PLANTS[kind](truth[0], known, LSP, rng)[0] for kind in PLANTS}
    assert np.array_equal(made["flip"], truth[0][list(LSP.flip)])
    assert np.allclose(made["shift"] - truth[0], (made["shift"] - truth[0])[0])
    assert (made["swap"] != truth[0]).any(1).sum() == 2
    assert (made["jitter"] != truth[0]).all()
    few = np.ones((3, K), bool)
    few[1, 4:] = False
    assert plantable(few, LSP).tolist() == [True, False, True]
    who, kinds, _, _ = plant(truth[:3], few, LSP, 5, rng)
    assert sorted(who) == [0, 2]
    assert kinds == ["flip", "shift"]


def test_unlabelled_people_and_no_limbs_do_no_harm(truth):
    nobody = claims(truth[:15]).with_labels(np.arange(2), truth[:2], np.zeros((2, K), bool))
    found = signals(nobody)
    assert np.isfinite(found.matrix()).all()
    assert found.values["loss"][0] == 0
