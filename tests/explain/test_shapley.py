import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasspose.explain.hand_wired import DOTS
from glasspose.explain.shapley import body_parts, coalitions, players, shapley_values
from glasspose.skeletons import COCO, FLIC, LSP, MPII, Skeleton

GAMES = st.integers(1, 5).flatmap(lambda p: st.tuples(st.just(p), st.lists(st.floats(-5, 5), min_size=2**p, max_size=2**p)))


@given(GAMES)
def test_shares_sum_to_what_everybody_is_worth(game):
    values = np.array(game[1])[:, None]
    assert shapley_values(values).sum(0) == pytest.approx(values[-1] - values[0], abs=1e-9)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=5))
def test_in_a_sum_everybody_gets_their_own(worth):
    values = coalitions(len(worth)).astype(float) @ np.array(worth)
    assert shapley_values(values[:, None])[:, 0] == pytest.approx(worth, abs=1e-9)


def test_the_glove_game():
    """One left glove, two right ones, a pair is worth 1: known answer 4/6, 1/6, 1/6."""
    values = np.array([float(some[0] and (some[1] or some[2])) for some in coalitions(3)])
    assert shapley_values(values[:, None])[:, 0] == pytest.approx([4 / 6, 1 / 6, 1 / 6])


@pytest.mark.parametrize("skeleton", [COCO, MPII, LSP, FLIC, DOTS], ids=lambda s: s.name)
def test_every_keypoint_belongs_to_one_part(skeleton):
    parts = body_parts(skeleton)
    assert sorted(k for part in parts.values() for k in part) == list(range(len(skeleton)))
    assert players(skeleton)[-1] == "background"
    assert len(players(skeleton)) <= 9


def test_people_have_seven_parts():
    assert set(players(LSP)) == {"head", "trunk", "right arm", "left arm", "right leg", "left leg", "background"}
    assert [LSP.keypoints[k] for k in body_parts(LSP)["left leg"]] == ["left_hip", "left_knee", "left_ankle"]


def test_unknown_names_stay_with_their_limbs_and_are_never_too_many():
    fish = Skeleton(name="fish", keypoints=("fin", "gill", "scale"), limbs=((0, 2),))
    assert body_parts(fish) == {"fin and scale": [0, 2], "gill": [1]}
    many = Skeleton(name="many", keypoints=tuple(f"k{i}" for i in range(30)))
    assert len(body_parts(many)) == 7
