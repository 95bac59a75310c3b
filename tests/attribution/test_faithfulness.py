"""Curves, infidelity and indices, each against a restatement in a few lines."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from glasspose.attribution.faithfulness import (
    FRACTIONS,
    area_under,
    complexity,
    curves,
    efficient_mprt,
    first_pixels,
    infidelity,
    rank_correlation,
    shuffled,
)
from glasspose.attribution.indices import density, disc, gini, half_radius, mass, pointing, pose_indices
from glasspose.attribution.rivals import centre_blob, chance, edges, evenly_blurred
from glasspose.configs.codecs import Heatmap
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP
from recipes_for_tests import NANO

SIZE = (20, 20)


def test_the_first_pixels_are_the_largest():
    values = torch.rand(SIZE, dtype=torch.float64)
    masks = first_pixels(values, (0.0, 0.1, 0.5, 1.0))
    assert masks.sum((1, 2, 3)).tolist() == [0, 40, 200, 400]
    assert values[masks[1, 0] > 0].min() >= values[masks[1, 0] == 0].max()


def test_equal_pixels_come_in_no_order_of_the_picture():
    half = first_pixels(torch.zeros(SIZE), (0.5,))[0, 0]
    assert 60 < half[:10].sum() < 140


def test_curves_of_a_sum_are_what_was_hidden():
    """Pixel flipping, restated: hide in order, add up what is left."""
    image = torch.rand(3, *SIZE)
    fill = torch.zeros_like(image)
    values = image.sum(0).double()
    found = curves(lambda images: images.flatten(1).sum(1), image, {"zeros": fill}, torch.stack([values, -values]))
    ordered = np.sort(values.flatten().numpy())[::-1]
    expected = [1 - ordered[: round(share * 400)].sum() / ordered.sum() for share in FRACTIONS]
    assert found.deletion[0] == pytest.approx(expected, abs=1e-5)
    assert found.insertion[0] == pytest.approx(1 - np.array(expected), abs=1e-5)
    assert found.deletion_area[0] < found.deletion_area[1]
    assert found.insertion_area[0] > found.insertion_area[1]


def test_the_area_is_by_trapezoids():
    curve = np.random.default_rng(0).random(len(FRACTIONS))
    steps = zip(FRACTIONS[:-1], FRACTIONS[1:], curve[:-1], curve[1:], strict=True)
    assert area_under(curve) == pytest.approx(sum((b - a) * (p + q) / 2 for a, b, p, q in steps) / FRACTIONS[-1])


def test_the_gradient_of_a_linear_function_is_perfectly_faithful_and_noise_is_not():
    weight = torch.randn(3, *SIZE)

    def number(images):
        return (images * weight).flatten(1).sum(1)

    image = torch.rand(3, *SIZE)
    assert infidelity(number, image, 7 * weight) < 1e-8
    assert infidelity(number, image, torch.randn(3, *SIZE)) > 0.5


@given(st.lists(st.floats(0, 100), min_size=2, max_size=20).filter(lambda values: sum(values) > 1e-6))
def test_gini_is_the_mean_difference(values):
    v = np.array(values)
    assert gini(v) == pytest.approx(np.abs(v[:, None] - v[None]).sum() / (2 * len(v) * v.sum()), abs=1e-9)


def test_masses_densities_and_pointing():
    values = np.zeros(SIZE)
    values[5, 7] = 3.0
    values[15, 15] = -1.0
    region = disc(SIZE, np.array([7.0, 5.0]), 1.0)
    assert region.sum() == 5
    assert mass(values, region) == 0.75
    assert density(values, region) == pytest.approx(80)
    assert density(np.ones(SIZE), region) == pytest.approx(1)
    assert pointing(values, np.array([7.0, 6.0]), 2.0)
    assert not pointing(values, np.array([15.0, 15.0]), 2.0)
    assert half_radius(values, np.array([7.0, 9.0])) == 4.0


def test_the_four_indices_of_known_maps():
    keypoints = np.array([[5.0, 5.0], [14.0, 14.0]])
    even = pose_indices(np.ones(SIZE), keypoints, 0, 2.0)
    assert even == pytest.approx({"DI": 100, "FI": 1, "LI": 1, "RI": 1})
    other = pose_indices(disc(SIZE, keypoints[1], 1.0).astype(float), keypoints, 0, 2.0)
    assert other["LI"] == 0
    assert other["RI"] > 20


def test_mass_on_the_person_is_counted_in_the_mask_where_there_is_one():
    keypoints = np.array([[2.0, 2.0], [9.0, 9.0]])
    mask = np.zeros(SIZE, bool)
    mask[:, 6:9] = True
    half = np.where(mask, 1.0, 0.0)
    half[:, :3] = 1.0
    found = pose_indices(half, keypoints, 0, 2.0, mask)
    assert found["FI"] == pytest.approx(0.5 / mask.mean())
    boxed = pose_indices(half, keypoints, 0, 2.0)
    assert {name: found[name] for name in ("DI", "LI", "RI")} == {name: boxed[name] for name in ("DI", "LI", "RI")}
    assert boxed["FI"] != pytest.approx(found["FI"])


def test_complexity_is_the_entropy_of_a_histogram():
    values = torch.from_numpy(np.random.default_rng(0).normal(size=SIZE))
    counts = np.histogram(values.numpy(), 100)[0]
    share = counts[counts > 0] / 400
    assert complexity(values) == pytest.approx(float(-(share * np.log(share)).sum()))
    point = torch.zeros(SIZE)
    point[0, 0] = 1
    assert efficient_mprt(point, values) > 0 > efficient_mprt(values, point)


def test_rank_correlation_is_of_the_size_of_evidence():
    values = torch.rand(SIZE, dtype=torch.float64)
    assert rank_correlation(values, -(values**3)) == pytest.approx(1)
    assert rank_correlation(values, torch.ones(SIZE)) == 0


def test_rivals_know_the_picture_at_most():
    blob = centre_blob(SIZE, np.array([6.0, 12.0]))
    assert np.unravel_index(int(blob.argmax()), SIZE) == (12, 6)
    image = torch.zeros(3, *SIZE)
    image[:, :, 10:] = 1
    assert set(edges(image).argmax(1).tolist()) <= {9, 10}
    assert float(edges(torch.ones(3, *SIZE)).max()) == 0
    assert torch.equal(chance(SIZE, 1), chance(SIZE, 1))
    assert torch.allclose(evenly_blurred(torch.ones(2, 40, 40)), torch.ones(2, 40, 40), atol=1e-5)


@pytest.mark.usefixtures("one_thread")
def test_shuffling_reaches_every_branch_and_leaves_the_network_alone():
    torch.manual_seed(0)
    network = PoseNetwork(NANO, Heatmap(), LSP).eval()
    before = {name: values.clone() for name, values in network.model.state_dict().items()}
    images = torch.randn(4, 3, 64, 64)
    made = shuffled(network, images)
    assert all(torch.equal(values, before[name]) for name, values in network.model.state_dict().items())
    weights = {name: values for name, values in made.model.named_parameters() if values.ndim == 4}
    assert all(not torch.equal(values, before[name]) for name, values in weights.items())
    assert any(".skip" in name for name in weights)
    assert not made.training
    assert torch.isfinite(made(images)).all()
    last = shuffled(network, images, part="hourglasses.1")
    assert torch.equal(dict(last.model.named_parameters())["stem.0.weight"], before["stem.0.weight"])
