import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasspose.explain.covering import background_patches, part_of_pixels, radii, region_names, regions, trunk_of
from glasspose.explain.shapley import body_parts, players
from glasspose.geometry import PADDING
from glasspose.skeletons import LSP

SIZE = (128, 128)
RIGHT_LEG, LEFT_LEG = [[50, 110], [52, 93], [54, 74]], [[72, 74], [74, 93], [76, 110]]
ARMS_AND_HEAD = [[36, 70], [40, 56], [48, 42], [76, 42], [84, 56], [88, 70], [62, 34], [62, 18]]
STANDING = np.array([*RIGHT_LEG, *LEFT_LEG, *ARMS_AND_HEAD], float)


def patches(pixels=None, points=STANDING):
    pixels = np.random.default_rng(0).integers(0, 255, (*SIZE, 3)).astype(np.uint8) if pixels is None else pixels
    known = regions(points, LSP, SIZE)
    return known, *background_patches(pixels, points, known, LSP, np.random.default_rng(1))


def test_a_keypoint_lies_in_the_middle_of_its_region_and_limbs_between_their_ends():
    known = regions(STANDING, LSP, SIZE)
    assert len(known.masks) == len(region_names(LSP)) == len(LSP) + len(LSP.limbs)
    for k, (x, y) in enumerate(STANDING.astype(int)):
        assert known.masks[k, y, x] == 1
        rows, columns = np.nonzero(known.masks[k] > 0.5)
        assert (rows.mean(), columns.mean()) == pytest.approx((y, x), abs=0.5)
    assert known.covers[: len(LSP)].diagonal().all()
    for i, (a, b) in enumerate(LSP.limbs):
        x, y = ((STANDING[a] + STANDING[b]) / 2).round().astype(int)
        assert known.masks[len(LSP) + i, y, x] == 1
        assert known.covers[len(LSP) + i, [a, b]].all()


@given(st.floats(0.3, 3.0))
def test_regions_grow_with_the_person(scale):
    assert radii(STANDING * scale, LSP) == pytest.approx(np.maximum(radii(STANDING, LSP) * scale, 2.0), rel=1e-6)


def test_patches_of_background_are_as_large_and_touch_nobody():
    known, made, room = patches()
    assert room.all()
    assert made.sum((1, 2)) == pytest.approx(known.masks.sum((1, 2)), rel=0.05)
    assert not ((made.max(0) > 0.5) & (known.masks.max(0) > 0.5)).any()


def test_there_is_no_room_in_padding_and_none_in_a_crowded_picture():
    blank = np.empty((*SIZE, 3), np.uint8)
    blank[:] = PADDING
    assert not patches(blank)[2].any()
    assert not patches(points=(STANDING - STANDING.mean(0)) * 3 + 64)[2][: len(LSP)].any()


def test_pixels_are_shared_out_without_remainder():
    known = regions(STANDING, LSP, SIZE)
    names, parts = players(LSP), body_parts(LSP)
    owner = part_of_pixels(STANDING, list(parts.values()), known, LSP)
    assert set(np.unique(owner)) == set(range(len(names)))
    for name, keypoints in parts.items():
        x, y = STANDING[keypoints[-1]].astype(int)
        assert names[owner[y, x]] == name
    assert names[owner[54, 62]] == "trunk"
    assert names[owner[5, 5]] == names[owner[120, 120]] == "background"
    assert trunk_of(LSP)
