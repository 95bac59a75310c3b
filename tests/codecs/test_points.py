"""Coordinates and RLE: units, presence, and the documents' way with missing joints."""

import math

import pytest
import torch

from glasspose.codecs import build_codec
from glasspose.codecs.rle import Flow
from glasspose.configs.codecs import Coordinates, Rle, SimCC, SoftArgmax
from glasspose.skeletons import LSP

SIZE = (64, 96)
pytestmark = pytest.mark.usefixtures("one_thread")
ONES = torch.ones(1, 14, dtype=torch.bool)


def built(config):
    return build_codec(config, LSP, SIZE)


@pytest.mark.parametrize(("config", "numbers"), [(Coordinates(), 3), (Coordinates(presence=False), 2), (Rle(), 5), (Rle(presence=False), 4)])
def test_numbers_for_each_keypoint(config, numbers):
    assert built(config).output_channels == 14 * numbers


def test_linear_coordinates_are_shares_of_the_sides_from_the_middle():
    codec = built(Coordinates(presence=False))
    raw = torch.zeros(1, 1, 14, 2)
    raw[0, 0, 0], raw[0, 0, 1] = torch.tensor([0.5, -0.5]), torch.tensor([0.25, 0.0])
    found, scores = codec.decode(codec.activate(raw.flatten(2))[:, 0])
    assert found[0, :3].tolist() == [[95.5, -0.5], [71.5, 31.5], [47.5, 31.5]]
    assert (scores == 1).all()


def test_the_documents_coordinates_are_pixels_behind_a_relu():
    codec = built(Coordinates(presence=False, output="relu"))
    raw = torch.tensor([30.0, 20.0]).repeat(14)[None, None].clone()
    raw[0, 0, 0] = -5.0
    found, _ = codec.decode(codec.activate(raw)[:, 0])
    assert found[0, :2].tolist() == [[0.0, 20.0], [30.0, 20.0]]
    places = torch.tensor([33.0, 24.0]).expand(1, 14, 2)
    assert codec.losses(raw[:, :, 2:].repeat(1, 1, 14)[..., :28], places, ONES).item() == pytest.approx(14 * (9 + 16) / 2)


@pytest.mark.parametrize(("distance", "expected"), [("mse", (0.09 + 0.16) / 2), ("euclidean", 0.5), ("smooth_l1", (0.29 + 0.39) / 2)])
def test_distances(distance, expected):
    codec = built(Coordinates(presence=False, distance=distance))
    places = codec.activate(torch.tensor([0.3, -0.4]).repeat(14)[None, None])[:, 0, :, :2]
    assert codec.losses(torch.zeros(1, 1, 28), places, ONES).item() == pytest.approx(14 * expected, rel=1e-4)


@pytest.mark.parametrize("config", [Coordinates(), Rle(), SimCC(), SoftArgmax()])
def test_a_keypoint_outside_teaches_presence_alone(config):
    codec = built(config)
    inside, outside = torch.full((1, 14, 2), 30.0), torch.full((1, 14, 2), -1e4)
    shape = (1, 1, 14, 16, 24) if codec.head == "maps" else (1, 1, codec.output_channels)
    raw = torch.zeros(shape).requires_grad_()
    codec.losses(raw, outside, ONES).sum().backward()
    if codec.head == "vector":
        numbers = raw.grad.reshape(14, -1)
        assert (numbers[:, :-1] == 0).all()
        assert (numbers[:, -1] > 0).all()
    assert codec.losses(raw, outside, ONES).item() == pytest.approx(14 * 0.1 * math.log(2), rel=1e-4)
    assert codec.losses(raw, inside, ONES).item() != pytest.approx(14 * 0.1 * math.log(2), rel=1e-4)


@pytest.mark.parametrize("config", [Coordinates(presence=False, unlabelled="zero"), Coordinates(presence=False, output="relu", unlabelled="zero")])
def test_the_documents_teach_unlabelled_joints_the_top_left_corner(config):
    """The least loss is at (0, 0) exactly, which is what drew their legs there."""
    codec = built(config)
    corner = torch.zeros(2) if config.output == "relu" else torch.tensor([0.5 / 96 - 0.5, 0.5 / 64 - 0.5])
    junk, nobody = torch.full((1, 14, 2), 33.3), torch.zeros(1, 14, dtype=torch.bool)
    raw = corner.repeat(14)[None, None]
    assert codec.losses(raw, junk, nobody).item() == pytest.approx(0, abs=1e-9)
    assert codec.losses(raw + 0.1, junk, nobody).item() > 0
    assert codec.supervised(nobody).sum() == 14


@pytest.mark.parametrize("config", [Rle(unlabelled="zero"), SimCC(unlabelled="zero"), SoftArgmax(unlabelled="zero"), Coordinates(unlabelled="zero")])
def test_with_presence_they_are_taught_to_be_absent_as_well(config):
    torch.manual_seed(0)
    codec = built(config)
    junk, nobody = torch.full((1, 14, 2), 33.3), torch.zeros(1, 14, dtype=torch.bool)
    raw = torch.zeros((1, 1, 14, 16, 24) if codec.head == "maps" else (1, 1, codec.output_channels)).requires_grad_()
    bias = torch.zeros(()).requires_grad_()  # moves whole maps, as that of a head does
    optimiser = torch.optim.Adam([raw, bias], lr=0.1)
    for _ in range(250):
        optimiser.zero_grad()
        codec.losses(raw + bias, junk, nobody).sum().backward()
        optimiser.step()
    found, scores = codec.decode(codec.activate(raw + bias)[:, 0])
    assert scores.max() < 0.3
    assert found.abs().max() < 3.5


def test_the_lazy_answer_of_coordinates_is_the_middle():
    codec = built(Coordinates(presence=False))
    places = torch.tensor([47.5, 31.5]).repeat(1, 14, 1)
    assert codec.zero_loss(places, ONES).item() == pytest.approx(0)
    assert codec.zero_loss(places + torch.tensor([9.6, 0.0]), ONES).item() == pytest.approx(14 * 0.005)


def test_the_lazy_answer_of_presence_is_how_often_there_is_one():
    codec = built(Coordinates(presence_weight=1.0))
    places = torch.tensor([47.5, 31.5]).repeat(1, 14, 1)
    places[0, :7] = -1e4
    assert codec.zero_loss(places, ONES).item() == pytest.approx(14 * math.log(2), rel=1e-5)


def test_the_lazy_answer_of_rle_has_the_spread_that_there_is():
    codec = built(Rle(presence=False))
    places = torch.tensor([47.5, 31.5]) + torch.tensor([19.2, 12.8]) * torch.tensor([1.0, -1.0]).repeat(7)[None, :, None]
    raw = torch.zeros(14, 4)
    losses = {}
    for spread in (0.05, 0.1, 0.2, 0.4, 0.6):
        raw[:, 2:] = torch.logit(torch.tensor(spread))
        losses[spread] = codec.losses(raw.reshape(1, 1, -1), places, ONES).item()
    assert codec.zero_loss(places, ONES).item() == pytest.approx(losses[0.2], rel=0.02)
    assert losses[0.2] < min(losses[0.05], losses[0.6])


def test_a_flow_is_a_density():
    """It integrates to one, also when its weights are far from those it begins with."""
    torch.manual_seed(0)
    flow = Flow()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.12)
    step = 0.1
    axis = torch.arange(-15, 15, step)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).reshape(-1, 2)
    with torch.no_grad():
        density = flow(grid).exp()
    assert density.sum().item() * step**2 == pytest.approx(1.0, abs=0.01)
    assert density.std() > 0


def test_a_flow_learns_how_points_are_distributed():
    torch.manual_seed(0)
    flow, points = Flow(), torch.randn(256, 2) * torch.tensor([0.3, 0.1]) + torch.tensor([0.5, -0.2])
    before = flow(points).mean().item()
    optimiser = torch.optim.Adam(flow.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        (-flow(points).mean()).backward()
        optimiser.step()
    assert flow(points).mean().item() > before + 1


def test_the_score_of_rle_falls_with_the_spread_and_with_presence():
    codec = built(Rle())
    raw = torch.zeros(1, 1, 14, 5)
    raw[0, 0, :, 4] = 100.0
    raw[0, 0, 0, 2:4], raw[0, 0, 1, 2:4], raw[0, 0, 2, 4] = -100.0, torch.logit(torch.tensor(0.25)), 0.0
    _, scores = codec.decode(codec.activate(raw.flatten(2))[:, 0])
    assert scores[0, :4].tolist() == pytest.approx([0.999, 0.749, 0.25, 0.4995], abs=1e-3)
