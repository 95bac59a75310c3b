"""Pictures, by the pixels that must and must not change."""

from dataclasses import replace

import numpy as np
import PIL.ImageFont
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from glasspose.drawing import LEFT, MIDDLE, RIGHT, _fit, contact_sheet, draw_poses, enlarged, fused_heatmaps, heat, heatmap_grid, side_colour
from glasspose.geometry import compose, crop_matrix, resize_matrix, transform
from glasspose.skeletons import COCO, HEAD_BOX, LSP, Skeleton
from glasspose.structures import Poses

GREEN = (40, 160, 60)
FIGURE = np.array(
    [[35, 92], [38, 75], [42, 56], [58, 56], [62, 75], [65, 92], [20, 50], [27, 38], [38, 25], [62, 25], [73, 38], [80, 50], [50, 22], [50, 6]], float
)
"""LSP in a square of 100, front view: the person's right is on the left."""


def canvas(height: int = 100, width: int = 100) -> np.ndarray:
    return np.full((height, width, 3), GREEN, np.uint8)


def poses(keypoints: np.ndarray = FIGURE, seen: np.ndarray | bool = True, side: int = 100, skeleton: Skeleton = LSP) -> Poses:
    points = np.asarray(keypoints, np.float64).reshape(-1, len(skeleton), 2)
    return Poses(
        keypoints=points,
        scores=np.ones(points.shape[:2]),
        seen=np.broadcast_to(seen, points.shape[:2]),
        boxes=np.tile([20.0, 6.0, 80.0, 92.0], (len(points), 1)) * side / 100,
        person_scores=np.ones(len(points)),
        skeleton=skeleton,
        size=(side, side),
    )


def painted(picture: np.ndarray) -> np.ndarray:
    return (picture != GREEN).any(-1)


def near(picture: np.ndarray, point: np.ndarray, reach: int = 3) -> np.ndarray:
    x, y = (round(float(v)) for v in point)
    return picture[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]


def test_a_new_picture_is_made_and_the_old_one_stays():
    image = canvas()
    drawn = draw_poses(image, poses())
    assert (drawn.shape, drawn.dtype) == (image.shape, image.dtype)
    assert not painted(image).any()
    assert painted(drawn).any()


def test_nobody_is_an_answer():
    np.testing.assert_array_equal(draw_poses(canvas(), poses(np.zeros((0, 14, 2)))), canvas())


@pytest.mark.parametrize(("keypoint", "colour"), [("left_wrist", LEFT), ("right_wrist", RIGHT), ("head_top", MIDDLE), ("left_knee", LEFT)])
def test_dots_have_the_colour_of_their_side(keypoint, colour):
    drawn = draw_poses(canvas(400, 400), poses(FIGURE * 4, side=400))
    x, y = (4 * FIGURE[LSP.index(keypoint)]).astype(int)
    assert drawn[y, x].tolist() == list(colour)
    assert side_colour(LSP, LSP.index(keypoint)) == colour


@pytest.mark.parametrize(
    ("a", "b", "colour"),
    [("left_hip", "left_knee", LEFT), ("right_elbow", "right_wrist", RIGHT), ("right_hip", "left_hip", MIDDLE), ("head_top", "neck", MIDDLE)],
)
def test_limbs_have_the_colour_of_their_side(a, b, colour):
    drawn = draw_poses(canvas(400, 400), poses(FIGURE * 4, side=400))
    x, y = (2 * (FIGURE[LSP.index(a)] + FIGURE[LSP.index(b)])).astype(int)
    assert drawn[y, x].tolist() == list(colour)


def test_no_limb_leads_to_what_is_not_seen():
    seen = np.ones(14, bool)
    seen[LSP.index("left_ankle")] = False
    drawn = draw_poses(canvas(400, 400), poses(FIGURE * 4, seen, 400))
    shin = 2 * (FIGURE[LSP.index("left_ankle")] + FIGURE[LSP.index("left_knee")])
    assert not painted(near(drawn, shin)).any()


def test_what_is_not_seen_is_a_faded_ring():
    seen = np.ones(14, bool)
    seen[LSP.index("left_ankle")] = False
    drawn = draw_poses(canvas(400, 400), poses(FIGURE * 4, seen, 400))
    ankle = 4 * FIGURE[LSP.index("left_ankle")]
    assert painted(near(drawn, ankle, 12)).any()
    assert not painted(near(drawn, ankle, 1)).any()
    assert not (near(drawn, ankle, 12) == LEFT).all(-1).any()


@pytest.mark.parametrize("point", [(-1.0, 50.0), (50.0, 100.0), (1e9, -1e9), (-1e3, -1e3)])
def test_what_is_not_seen_outside_the_picture_is_not_drawn(point):
    moved = FIGURE.copy()
    moved[0] = point
    without = draw_poses(canvas(), poses(seen=np.arange(14) > 0, keypoints=moved))
    here = draw_poses(canvas(), poses(seen=np.arange(14) > 0))
    assert painted(near(here, FIGURE[0])).any()
    assert not painted(near(without, FIGURE[0])).any()
    assert not painted(without[:3, :3]).any()


@pytest.mark.parametrize("corner", [(0, 0), (99, 0), (0, 99), (99, 99)])
def test_rings_at_the_corners(corner):
    moved = np.tile(np.array(corner, np.float64), (14, 1))
    drawn = draw_poses(canvas(), poses(moved, seen=False))
    assert painted(near(drawn, np.array(corner))).any()


def test_a_limb_may_leave_the_picture():
    far = FIGURE.copy()
    far[LSP.index("left_ankle")] = (1e9, 75)
    assert painted(draw_poses(canvas(), poses(far))[75, 75:]).any()


@pytest.mark.parametrize("side", [100, 400, 1600, 4000])
def test_lines_are_as_readable_at_every_size(side):
    """The share of the picture that the drawing covers."""
    drawn = draw_poses(canvas(side, side), poses(FIGURE * side / 100, side=side))
    assert 0.05 < painted(drawn).mean() < 0.20


@pytest.mark.parametrize(("size", "least", "most"), [(20, 100, 350), (60, 400, 1500), (600, 10_000, 40_000)])
def test_a_small_person_in_a_large_picture_is_seen_and_not_buried(size, least, most):
    drawn = draw_poses(canvas(2000, 2000), poses(FIGURE * size / 100 + 500, side=2000))
    assert least < painted(drawn).sum() < most


def test_a_person_of_one_keypoint_is_drawn():
    points = np.where(np.arange(14)[:, None] == 2, [300.0, 400.0], -1e3)
    one = poses(points, seen=np.arange(14) == 2, side=1000)
    for each in (one, replace(one, boxes=np.zeros((1, 4)))):
        drawn = draw_poses(canvas(1000, 1000), each)
        assert 40 < painted(near(drawn, np.array([300, 400]), 30)).sum() < 2500
        assert len(np.unique(near(drawn, np.array([300, 400]), 30).reshape(-1, 3), axis=0)) > 8


def test_boxes_on_demand():
    plain, boxed = (draw_poses(canvas(), poses(), boxes=boxes) for boxes in (False, True))
    assert not painted(plain[10, 20:22]).any()
    assert painted(boxed[10, 20:22]).any()
    assert not painted(boxed[:, :15]).any()
    assert not painted(boxed[:, 85:]).any()


def test_two_corners_are_drawn_as_their_box():
    box = np.array([[20, 30], [60, 80]], float)
    picture = draw_poses(canvas(), poses(box, skeleton=HEAD_BOX))
    for point in ([40, 30], [40, 80], [20, 55], [60, 55]):  # the middles of its sides
        assert painted(near(picture, point)).any()
    assert not painted(near(picture, [40, 55])).any()  # no line joins the corners
    unsure = draw_poses(canvas(), poses(box, np.array([[True, False]]), skeleton=HEAD_BOX))
    assert not painted(near(unsure, [40, 80])).any()
    assert painted(near(unsure, [60, 80])).any()


def test_two_people():
    both = np.stack([FIGURE / 2, FIGURE / 2 + 50])
    drawn = draw_poses(canvas(), poses(both))
    assert painted(near(drawn, both[0, 0])).any()
    assert painted(near(drawn, both[1, 0])).any()


def test_edges_are_smooth():
    assert len(np.unique(draw_poses(canvas(), poses()).reshape(-1, 3), axis=0)) > 30


def test_heat_grows_lighter():
    colours = heat(np.linspace(0, 1, 32)[None].astype(np.float32))[0].astype(float)
    lightness = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()
    np.testing.assert_array_equal(heat(np.array([[-1.0, 2.0]])), heat(np.array([[0.0, 1.0]])))


def test_fused_maps_lie_where_the_matrix_says():
    image = canvas(120, 160)
    to_input = crop_matrix([40, 20, 120, 100], (64, 64))
    matrix = compose(resize_matrix((64, 64), (16, 16)), to_input)
    maps = np.zeros((2, 16, 16), np.float32)
    maps[0, 4, 4], maps[1, 12, 8] = 1.0, 0.6
    fused = fused_heatmaps(image, maps, matrix)
    bright = fused.astype(int).sum(-1)
    x, y = transform(np.array([4.0, 4.0]), np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]).round().astype(int)
    assert np.abs(np.array(np.unravel_index(bright.argmax(), bright.shape)) - [y, x]).max() <= 1
    assert (fused[:15] == fused[0, 0]).all()
    assert fused[0, 0].max() < 80


@given(hnp.arrays(np.float32, (3, 8, 8), elements=st.floats(-1e6, 1e6, width=32)))
def test_any_finite_maps_can_be_fused(maps):
    assert fused_heatmaps(canvas(20, 30), maps, resize_matrix((20, 30), (8, 8))).shape == (20, 30, 3)


@pytest.mark.parametrize("skeleton", [LSP, COCO])
def test_the_grid_has_a_row_for_each_stack_and_a_column_for_each_keypoint(skeleton):
    maps = np.zeros((3, len(skeleton), 16, 12), np.float32)
    maps[1, 2, 8, 6] = 1.0
    grid = heatmap_grid(canvas(64, 48), maps, skeleton, cell=96)
    tall, wide = grid.shape[0], grid.shape[1]
    assert (tall, wide) == (25 + 3 * 132, 58 + len(skeleton) * 100)
    yellow = ((grid[..., 0] > 150) & (grid[..., 2] < 120)).nonzero()
    assert abs(yellow[0].mean() - (25 + 132 + 128 * 8.5 / 16)) < 3
    assert abs(yellow[1].mean() - (58 + 2 * 100 + 96 * 6.5 / 12)) < 3
    assert (grid[:20, 58:] < 128).any()
    assert (grid[25:, :50] < 128).any()


def test_a_contact_sheet():
    pictures = [canvas(50, 100), canvas(100, 50), canvas(10, 10), canvas(400, 800)]
    sheet = contact_sheet(pictures, ["one", "two", "three", "four"], columns=3, cell=100)
    assert sheet.shape == (100 + 21 + 50 + 21, 3 * 104, 3)
    for y, x in ((0, 0), (49, 99), (99, 153), (99, 307), (121, 0), (170, 99)):
        assert sheet[y, x].tolist() == list(GREEN)
    assert (sheet[101:121, :104] < 128).any()
    assert (sheet[121:, 110:] == 255).all()


def test_a_sheet_needs_a_caption_for_each_picture():
    with pytest.raises(ValueError, match="shorter"):
        contact_sheet([canvas(), canvas()], ["one"], columns=2)


def test_a_sheet_of_few_pictures_is_narrow():
    assert contact_sheet([canvas()], [""], columns=6, cell=50).shape[1] == 54
    assert contact_sheet([], [], columns=6).shape[2] == 3


@given(st.text(max_size=60), st.integers(20, 200))
def test_captions_fit(text, width):
    fitted = _fit(text, width)
    assert PIL.ImageFont.load_default(13).getlength(fitted) <= width
    assert fitted == " ".join(text.split()) or fitted.endswith("…")


def test_enlarged_keeps_places():
    small = np.zeros((5, 7, 3), np.uint8)
    small[2, 3] = 255
    large = enlarged(small, 3)
    assert large.shape == (15, 21, 3)
    assert np.unravel_index(large.sum(-1).argmax(), (15, 21)) == (7, 10)
