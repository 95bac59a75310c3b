import cv2
import numpy as np
import pytest
import torch

from glasspose.attribution.fills import FILLS, blurred, fills, hidden, partners


def test_every_fill_hides_and_nothing_else_changes():
    images = torch.rand(2, 3, 40, 60)
    mask = torch.zeros(2, 1, 40, 60)
    mask[:, :, 10:20, 15:30] = 1
    made = fills(images, images.flip(0), seed=1)
    assert tuple(made) == FILLS
    for name, fill in made.items():
        covered = hidden(images, mask, fill)
        assert torch.equal(covered[:, :, 20:], images[:, :, 20:]), name
        assert torch.allclose(covered[:, :, 10:20, 15:30], fill[:, :, 10:20, 15:30]), name
        assert (covered - images).abs()[:, :, 10:20, 15:30].mean() > 0.05, name


def test_blur_is_opencvs():
    image = np.random.default_rng(0).random((50, 40), np.float32)
    wanted = cv2.GaussianBlur(image, (19, 19), 3.0, borderType=cv2.BORDER_REFLECT_101)
    assert blurred(torch.from_numpy(image)[None, None], 3.0)[0, 0].numpy() == pytest.approx(wanted, abs=1e-5)


def test_noise_is_the_same_for_the_same_seed_and_has_the_pictures_colours():
    images = torch.rand(1, 3, 64, 64) * 0.1 + torch.tensor([0.2, 0.5, 0.8]).view(1, 3, 1, 1)
    one, same, other = (fills(images, images, seed)["noise"] for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.allclose(one.mean((-2, -1)), images.mean((-2, -1)), atol=0.01)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_partners_are_others(count):
    found = partners(count)
    assert sorted(found) == list(range(count))
    assert count == 1 or (found != np.arange(count)).all()
