import numpy as np
import pytest

from glasspose.explain.tolerance import agreement, areas, named, tolerances
from glasspose.metrics import oks
from glasspose.skeletons import COCO, LSP


def test_with_official_constants_it_is_oks():
    rng = np.random.default_rng(0)
    one, other, area = rng.uniform(0, 100, (4, 17, 2)), rng.uniform(0, 100, (4, 17, 2)), np.full(4, 3000.0)
    assert agreement(one, other, area, COCO).mean(1) == pytest.approx(oks(one, other, np.ones((4, 17), bool), area, np.array(COCO.sigmas)))


def test_without_them_those_of_the_same_names_stand_in_and_it_says_so():
    found = tolerances(LSP)
    assert found[LSP.index("left_ankle")] == COCO.sigmas[COCO.index("left_ankle")]
    assert found[LSP.index("neck")] == np.median(COCO.sigmas)
    assert "working" in named(LSP)
    assert "working" not in named(COCO)


def test_nothing_moved_is_1_and_farther_is_less():
    pose = np.random.default_rng(1).uniform(0, 100, (1, 14, 2))
    scale = areas(pose)
    values = [agreement(pose, pose + step, scale, LSP).mean() for step in (0.0, 1.0, 5.0, 50.0)]
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert areas(2 * pose) == pytest.approx(4 * scale)
