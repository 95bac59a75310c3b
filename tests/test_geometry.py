"""Where pixels are: algebra by property, and the convention itself on pixels that OpenCV has moved."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples_for_tests import examples
from glasspose.geometry import (
    PADDING,
    compose,
    crop_matrix,
    extent,
    fit_aspect,
    flip_matrix,
    inside,
    invert,
    resize_matrix,
    scale_of,
    transform,
    warp,
)

SIDES = st.integers(1, 2000)
SIZES = st.tuples(SIDES, SIDES)
PLACES = st.floats(-3000, 3000)
POINTS = st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=8).map(np.array)
TURNS = st.floats(-360, 360)
LENGTHS = st.floats(0.5, 3000)
BOXES = st.tuples(PLACES, PLACES, LENGTHS, LENGTHS).map(lambda b: np.array([b[0], b[1], b[0] + b[2], b[1] + b[3]]))


def blob(size, x, y, sigma=5.0):
    """A bright spot about (x, y), pixel centres at integers, as float32."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)).astype(np.float32)


def centroid(image):
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(columns * image).sum(), (rows * image).sum()], np.float64) / image.sum(dtype=np.float64)


@given(box=BOXES, size=SIZES, rotation=TURNS, points=POINTS)
def test_a_crop_and_its_inverse_leave_points_where_they_were(box, size, rotation, points):
    matrix = crop_matrix(box, size, rotation)
    assert np.abs(transform(transform(points, matrix), invert(matrix)) - points).max() <= 1e-3


@given(box=BOXES, size=SIZES, rotation=TURNS, points=POINTS)
def test_composition_is_one_after_the_other(box, size, rotation, points):
    first, second = crop_matrix(box, size, rotation), flip_matrix(size[1])
    assert np.allclose(transform(points, compose(second, first)), transform(transform(points, first), second))


@given(width=SIDES, points=POINTS)
def test_mirroring_twice_is_nothing(width, points):
    assert np.allclose(transform(transform(points, flip_matrix(width)), flip_matrix(width)), points)
    assert np.allclose(compose(flip_matrix(width), flip_matrix(width)), [[1, 0, 0], [0, 1, 0]])


@given(before=SIZES, after=SIZES)
def test_a_resize_takes_corners_to_corners(before, after):
    corners = np.array([[-0.5, -0.5], [before[1] - 0.5, before[0] - 0.5]])
    assert np.allclose(transform(corners, resize_matrix(before, after)), [[-0.5, -0.5], [after[1] - 0.5, after[0] - 0.5]])
    assert np.allclose(resize_matrix(before, after), crop_matrix((0, 0, before[1], before[0]), after))


@given(box=BOXES, size=SIZES, scale=st.floats(0.1, 4))
def test_fit_aspect_holds_the_box_about_the_same_centre(box, size, scale):
    fitted = fit_aspect(box, size, scale)
    width, height = fitted[2:] - fitted[:2]
    assert np.allclose(fitted[:2] + fitted[2:], box[:2] + box[2:], atol=1e-6)
    assert width / height == pytest.approx(size[1] / size[0])
    assert (fitted[2:] - fitted[:2] >= scale * (box[2:] - box[:2]) * (1 - 1e-9)).all()
    assert np.isclose((fitted[2:] - fitted[:2]) / scale, box[2:] - box[:2], rtol=1e-6).any()


@given(box=BOXES, side=SIDES, rotation=TURNS)
def test_one_scale_serves_both_axes_of_a_fitted_box(box, side, rotation):
    fitted = fit_aspect(box, (side, side))
    matrix = crop_matrix(fitted, (side, side), rotation)
    assert scale_of(matrix) == pytest.approx(side / (fitted[2] - fitted[0]))
    assert np.allclose(transform((fitted[:2] + fitted[2:]) / 2 - 0.5, matrix), (side - 1) / 2)


def test_a_flat_matrix_has_no_inverse():
    with pytest.raises(np.linalg.LinAlgError):
        invert(np.array([[1.0, 1, 0], [1, 1, 0]]))


@settings(max_examples=examples(40))
@given(
    before=st.tuples(st.integers(80, 160), st.integers(80, 160)),
    factors=st.tuples(st.floats(0.4, 2.5), st.floats(0.4, 2.5)),
    place=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
)
def test_opencv_resizes_as_the_matrix_says(before, factors, place):
    after = (round(before[0] * factors[0]), round(before[1] * factors[1]))
    x, y = place[0] * before[1], place[1] * before[0]
    image, matrix = blob(before, x, y), resize_matrix(before, after)
    for moved in (cv2.resize(image, after[::-1], interpolation=cv2.INTER_LINEAR), cv2.warpAffine(image, matrix, after[::-1])):
        assert np.abs(centroid(moved) - transform(np.array([x, y]), matrix)).max() < 0.05


@settings(max_examples=examples(60))
@given(
    box=st.tuples(st.floats(0, 60), st.floats(0, 60), st.floats(100, 180), st.floats(100, 180)),
    place=st.tuples(st.floats(0.4, 0.6), st.floats(0.4, 0.6)),
    rotation=TURNS,
)
def test_a_bright_spot_lands_where_the_crop_says(box, place, rotation):
    x, y = box[0] + place[0] * box[2], box[1] + place[1] * box[3]
    matrix = crop_matrix((box[0], box[1], box[0] + box[2], box[1] + box[3]), (128, 128), rotation)
    moved = cv2.warpAffine(blob((240, 240), x, y), matrix, (128, 128), flags=cv2.INTER_LINEAR)
    assert np.abs(centroid(moved) - transform(np.array([x, y]), matrix)).max() < 0.1


@pytest.mark.parametrize(("degrees", "expected"), [(0, (90, 49.5)), (90, (49.5, 90)), (180, (9, 49.5)), (-90, (49.5, 9)), (45, (78.14, 78.14))])
def test_rotation_is_clockwise_as_seen(degrees, expected):
    moved = cv2.warpAffine(blob((100, 100), 90, 49.5, sigma=2), crop_matrix((0, 0, 100, 100), (100, 100), degrees), (100, 100))
    assert centroid(moved) == pytest.approx(expected, abs=0.05)


def test_a_mirrored_picture_has_its_points_where_the_matrix_says():
    image = blob((40, 61), 12.25, 20, sigma=2)
    assert centroid(image[:, ::-1]) == pytest.approx(transform(np.array([12.25, 20]), flip_matrix(61)), abs=1e-3)


def test_boxes_are_corner_based_and_cover_their_pixels():
    image = np.arange(48, dtype=np.float32).reshape(6, 8)
    assert np.array_equal(cv2.warpAffine(image, crop_matrix((2, 1, 7, 4), (3, 5)), (5, 3)), image[1:4, 2:7])
    keypoints = np.array([[3.0, 4.0], [7.0, 5.0], [99.0, 99.0]])
    assert extent(keypoints, np.array([True, False, False])).tolist() == [3, 4, 4, 5]
    assert extent(keypoints, np.array([True, True, False])).tolist() == [3, 4, 8, 6]


def test_inside_is_on_a_pixel():
    points = np.array([[-0.5, 0], [7.49, 5.49], [-0.51, 0], [7.5, 0], [0, 5.5]])
    assert inside(points, (6, 8)).tolist() == [True, True, False, False, False]


def test_warp_copies_pads_and_averages():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
    shifted = warp(image, crop_matrix((-5, 0, 45, 40), (40, 50)), (40, 50))
    assert np.array_equal(shifted[:, 5:], image[:, :45])
    assert (shifted[:, :5] == PADDING).all()
    quarter = warp(image, resize_matrix((40, 50), (10, 12)), (10, 12))
    assert quarter.std() < 0.5 * image.std()


@settings(max_examples=examples(20))
@given(shrink=st.floats(0.12, 1.0), place=st.tuples(st.floats(120, 180), st.floats(120, 180)))
def test_warp_keeps_places_at_any_scale(shrink, place):
    image = np.repeat((255 * blob((300, 300), *place, sigma=20))[:, :, None], 3, axis=2).astype(np.uint8)
    side = round(300 * shrink)
    matrix = crop_matrix((0, 0, 300, 300), (side, side))
    assert centroid(warp(image, matrix, (side, side))[..., 0]) == pytest.approx(transform(np.array(place), matrix), abs=0.1)
