"""The numbers that Quantus gives of the same inputs, where both compute the same (quantus.json, made by quantus_vectors_for_tests.py)."""

import json

import numpy as np
import pytest
import torch
from quantus_vectors_for_tests import DRAWS, KEPT, NOISE, SIDE, STEP, Curved

from glasspose.attribution.faithfulness import curves, efficient_mprt, infidelity
from glasspose.attribution.indices import gini

CLOSE = 1e-5


@pytest.fixture(scope="module")
def kept():
    return json.loads(KEPT.read_text())


@pytest.fixture(scope="module")
def asked(kept):
    model = Curved(kept["w"], kept["v"]).eval()
    return lambda images: model(images)[:, 0]


def picture(kept):
    return torch.tensor(kept["image"]), torch.tensor(kept["map"], dtype=torch.float64)


def test_deletion_is_pixel_flipping(kept, asked):
    image, values = picture(kept)
    fractions = [STEP * (step + 1) / SIDE**2 for step in range(len(kept["pixel_flipping"]))]
    found = curves(asked, image, {"zero": torch.zeros_like(image)}, values, fractions)
    assert found.deletion[0] * float(asked(image[None])[0]) == pytest.approx(kept["pixel_flipping"], abs=CLOSE)


def test_infidelity_is_that_of_the_scaled_map_as_a_share_of_that_of_an_empty_one(kept, asked):
    image, values = picture(kept)
    told = kept["infidelity"]
    found = infidelity(asked, image, values, draws=DRAWS, noise=NOISE)
    assert found == pytest.approx(told["scaled"] / told["empty"], abs=CLOSE)
    assert found < told["as it is"] / told["empty"] - 0.1


def test_gini_is_sparseness(kept):
    assert gini(np.abs(kept["map"])) == pytest.approx(kept["sparseness"], abs=CLOSE)


def test_efficient_mprt_is_that_of_a_hundred_bins(kept):
    told = kept["efficient_mprt"]
    found = efficient_mprt(torch.tensor(told["own"]), torch.tensor(told["shuffled"]))
    assert found == pytest.approx(told["score"], abs=CLOSE)
    assert abs(found) > 0.01
