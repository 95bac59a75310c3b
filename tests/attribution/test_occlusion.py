import numpy as np
import pytest
import torch

from glasspose.attribution.occlusion import agreement_of_fills, cells, effects, occlusion, random_masks, rise, spread_out

SIZE = (40, 60)


@pytest.mark.parametrize("across", [4, 10])
def test_the_cells_add_up_to_the_picture(across):
    grid = cells(SIZE, across)
    assert len(grid) == across * round(across * 1.5)
    assert torch.allclose(grid.sum(0), torch.ones(SIZE), atol=1e-6)


def two_spots(images):
    """Keypoint 0 adds up the pixels of one cell; keypoint 1 takes the larger of two cells."""
    one, other = images[:, 0, 10:20, 10:20].mean((1, 2)), images[:, 0, 30:40, 40:50].mean((1, 2))
    return torch.stack([one, torch.maximum(one, other)], 1)


def asked(method, **more):
    grid = cells(SIZE, 4)
    image = torch.ones(3, *SIZE)
    fills = {"zeros": torch.zeros_like(image), "half": torch.full_like(image, 0.5)}
    return method(two_spots, image, fills, grid, **more), grid


def test_hiding_one_cell_costs_what_it_held():
    found, grid = asked(occlusion)
    assert found.shape == (2, 2, len(grid))
    cell = 1 * 6 + 1
    assert float(found[0, 0, cell]) == pytest.approx(1, abs=0.1)
    assert float(found[1, 0, cell]) == pytest.approx(0.5, abs=0.05)
    assert float(found[0, 0].sum() - found[0, 0, cell]) == pytest.approx(0, abs=0.1)
    assert float(found[0, 1].abs().max()) < 0.1, "evidence in two places: hiding one of them changes nothing"


def test_rise_finds_evidence_that_stands_in_two_places():
    found, _ = asked(rise)
    strongest = set(found[0, 1].topk(2).indices.tolist())
    assert strongest == {1 * 6 + 1, 3 * 6 + 4}
    assert (found[0, 0].abs() > 0.05).sum() == 1


def test_the_effects_of_random_masks_are_those_of_a_linear_function():
    masks = random_masks(30, seed=0)
    assert (masks.sum(1) == 6).all()
    weights = np.zeros(30)
    weights[[3, 17]] = 2.0, -1.0
    read = torch.from_numpy((1 - masks.double().numpy()) @ weights)[:, None]
    assert effects(masks, read)[0].numpy() == pytest.approx(weights, abs=1e-9)


def test_noise_alone_is_no_effect():
    """Over 100 runs of pure chance, 30 cells each, hardly any cell counts."""
    masks = random_masks(30, seed=0)
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(len(masks), 100)))
    assert (effects(masks, noise) != 0).any(1).sum() <= 5


def test_a_map_keeps_the_sum_of_its_cells():
    grid = cells(SIZE, 4)
    values = torch.rand(len(grid), dtype=torch.float64)
    assert float(spread_out(values, grid).sum()) == pytest.approx(float(values.sum()))


def test_fills_that_agree_and_that_do_not():
    values = torch.rand(9, dtype=torch.float64)
    assert agreement_of_fills(torch.stack([values, 3 * values])) == pytest.approx(1)
    assert agreement_of_fills(torch.stack([values, -values])) == pytest.approx(-1)
