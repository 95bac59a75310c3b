import numpy as np
import pytest

from glasspose.attribution.corruptions import CORRUPTIONS, STRENGTHS, corrupted


def picture():
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(40, 200, (12, 10, 3)), np.ones((8, 8, 1)))
    return (coarse + rng.integers(-20, 20, coarse.shape)).astype(np.uint8)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_strength_0_is_the_picture_and_more_is_further_away(kind):
    image = picture()
    kept = image.copy()
    made = [corrupted(image, kind, strength, np.random.default_rng(1)) for strength in range(STRENGTHS + 1)]
    assert (image == kept).all()
    assert (made[0] == image).all()
    assert made[0] is not image
    assert all(one.shape == image.shape and one.dtype == np.uint8 for one in made)
    apart = [float(((one.astype(float) - image) ** 2).mean()) for one in made]
    assert apart == sorted(apart)
    assert apart[1] > 0


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_the_same_numbers_give_the_same_picture(kind):
    one, same = (corrupted(picture(), kind, 2, np.random.default_rng(3)) for _ in range(2))
    assert (one == same).all()


def test_blur_and_contrast_keep_the_mean_and_noise_has_its_deviation():
    flat = np.full((64, 64, 3), 128, np.uint8)
    for kind in ("defocus", "motion blur", "contrast", "pixelate", "low resolution"):
        assert np.abs(corrupted(flat, kind, 3, np.random.default_rng(0)).astype(float) - 128).max() <= 1
    assert corrupted(flat, "gaussian noise", 2, np.random.default_rng(0)).std() == pytest.approx(30, rel=0.05)
