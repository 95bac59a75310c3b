import numpy as np
import pytest

from glasspose.configs.augmentation import Augmentation
from glasspose.data.transforms import Person, augmented_view, plain_view
from glasspose.geometry import PADDING, transform
from glasspose.skeletons import LSP

OFF = Augmentation(flip=0, rotation=0, scale=0, translation=0, wide=0, close=0, cut=0, colour=0, grey=0, blur=0, occlusion=0)
SIZE = (64, 64)


@pytest.fixture
def person():
    """A dot of 5 x 5 pixels on each of 14 places, each with its own brightness."""
    rng = np.random.default_rng(0)
    crop = np.full((128, 128, 3), 20, np.uint8)
    places = np.stack([40 + 14 * (np.arange(14) % 4), 40 + 14 * (np.arange(14) // 4)], axis=1).astype(np.float64)
    for k, (x, y) in enumerate(places.astype(int)):
        crop[y - 2 : y + 3, x - 2 : x + 3] = 110 + 10 * k
    return Person(
        crop=crop,
        keypoints=places + rng.normal(0, 0, places.shape),
        labelled=np.ones(14, bool),
        square=np.array([32.0, 32, 96, 96]),
        picture=np.array([10.0, 0, 118, 128]),
    )


def with_options(**changes):
    return Augmentation(**{**OFF.model_dump(), **changes})


def test_nothing_switched_on_gives_the_plain_view(person):
    plain, augmented = plain_view(person, SIZE), augmented_view(person, LSP, SIZE, OFF, np.random.default_rng(0))
    assert np.array_equal(plain.image, augmented.image)
    assert np.array_equal(plain.keypoints, augmented.keypoints)


@pytest.mark.parametrize("options", [{"flip": 1}, {"rotation": 60}, {"scale": 0.4}, {"translation": 0.2}, {"wide": 1}, {"close": 1}])
@pytest.mark.parametrize("seed", range(5))
def test_keypoints_stay_on_what_they_mark(person, options, seed):
    view = augmented_view(person, LSP, SIZE, with_options(**options), np.random.default_rng(seed))
    order = list(LSP.flip) if view.flipped else list(range(14))
    for k, (x, y) in enumerate(view.keypoints):
        if 2 <= x < 62 and 2 <= y < 62:
            assert abs(int(view.image[round(y), round(x), 0]) - (110 + 10 * order[k])) <= 35


@pytest.mark.parametrize(("rotation", "scale"), [(30, 0.25), (10, 0.5)])
def test_rotation_and_scale_reach_their_bounds_and_no_further(person, rotation, scale):
    """The paper's 30 degrees and a quarter, as recipes have them: three views of five are turned, sizes are even in their logarithm."""
    plain = plain_view(person, SIZE).matrix[0, 0]
    options = with_options(rotation=rotation, scale=scale)
    found = [augmented_view(person, LSP, SIZE, options, np.random.default_rng(seed)).matrix for seed in range(300)]
    turns = np.degrees([np.arctan2(m[1, 0], m[0, 0]) for m in found])
    sizes = np.log([np.hypot(m[0, 0], m[1, 0]) / plain for m in found])
    assert 0.9 * rotation < np.abs(turns).max() <= rotation + 1e-9
    assert (turns.min() < -0.5 * rotation, turns.max() > 0.5 * rotation) == (True, True)
    assert (np.abs(turns) > 1e-9).mean() == pytest.approx(0.6, abs=0.09)
    assert np.abs(turns[turns != 0]).mean() < 0.5 * rotation, "small turns are more frequent"
    assert np.abs(sizes).max() <= scale + 1e-9
    assert (sizes.min() < -0.9 * scale, sizes.max() > 0.9 * scale) == (True, True)
    assert sizes.std() == pytest.approx(scale / 3**0.5, rel=0.1)


def test_a_flip_swaps_left_and_right(person):
    plain, flipped = plain_view(person, SIZE), augmented_view(person, LSP, SIZE, with_options(flip=1), np.random.default_rng(0))
    mirrored = plain.keypoints * [-1, 1] + [63, 0]
    assert flipped.keypoints[LSP.index("left_knee")] == pytest.approx(mirrored[LSP.index("right_knee")])
    assert np.array_equal(flipped.image, plain.image[:, ::-1])


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_hides_pixels_and_says_which_keypoints_are_beyond_it(person, seed):
    view = augmented_view(person, LSP, SIZE, with_options(cut=1), np.random.default_rng(seed))
    assert 0 < view.outside.sum() < 14
    for (x, y), beyond in zip(view.keypoints.round().astype(int), view.outside, strict=True):
        assert (tuple(view.image[y, x]) == PADDING) == beyond


def test_the_same_generator_gives_the_same_view_and_another_does_not(person):
    options = Augmentation()
    views = [augmented_view(person, LSP, SIZE, options, np.random.default_rng((0, 1, seed))) for seed in (5, 5, 6)]
    assert np.array_equal(views[0].image, views[1].image)
    assert not np.array_equal(views[0].image, views[2].image)


def test_the_kept_crop_is_never_changed(person):
    before = person.crop.copy()
    for seed in range(30):
        augmented_view(person, LSP, SIZE, Augmentation(cut=1, occlusion=1, colour=1, grey=1, blur=1), np.random.default_rng(seed))
    assert np.array_equal(person.crop, before)


def test_the_matrix_takes_the_crop_to_the_input(person):
    view = augmented_view(person, LSP, SIZE, with_options(rotation=40, scale=0.3), np.random.default_rng(4))
    assert view.keypoints == pytest.approx(transform(person.keypoints, view.matrix))


def test_wide_views_reach_from_the_person_to_the_whole_picture(person):
    options = with_options(wide=1)
    scales = [augmented_view(person, LSP, SIZE, options, np.random.default_rng(s)).matrix[0, 0] for s in range(60)]
    assert 64 / 128 <= min(scales) < 0.6
    assert 0.9 < max(scales) <= 1.0
