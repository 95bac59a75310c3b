from dataclasses import replace

import numpy as np
import pytest
import torch

from glasspose import fitting
from glasspose.checkpoint import load_weights
from glasspose.configs.data import DrawnPeople
from glasspose.configs.training import Packing
from glasspose.data import read
from glasspose.data.packing import pack
from glasspose.fitting import fit_calibration
from glasspose.geometry import extent, transform
from glasspose.structures import DEVIATION, MEAN

pytestmark = pytest.mark.usefixtures("one_thread")
RED = (255, 0, 0)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitting")
    return pack(read(DrawnPeople(count=24, folder=folder)), folder / "pack", Packing(size=64))


@pytest.fixture
def network(nano_weights):
    return load_weights(nano_weights)[0]


def painted(people):
    """The same people as red boxes on grey."""
    crops = np.full(people.crops.shape, 128, np.uint8)
    for crop, keypoints, labelled, matrix in zip(crops, people.keypoints, people.labelled, people.image_to_crop, strict=True):
        x1, y1, x2, y2 = np.clip(extent(transform(keypoints, matrix), labelled).round().astype(int), 0, crop.shape[0])
        crop[y1:y2, x1:x2] = RED
    return replace(people, crops=crops)


def test_empty_parts_show_nobody(people):
    parts = list(fitting._empty_parts(painted(people), (64, 64)))
    assert len(parts) > len(people) / 4
    assert all(part.shape == (64, 64, 3) for part in parts)
    assert all((part == 128).all() for part in parts)


def test_a_network_that_knows_is_calibrated_to_be_always_right(people, network, monkeypatch):
    """It answers what it is asked for: high where a keypoint is in the view, and nothing where nobody is."""
    views = []
    collate = fitting.collate
    monkeypatch.setattr(fitting, "collate", lambda samples: views.append(collate(samples)) or views[-1])

    def keypoints(images, *, flip_test):
        assert flip_test
        if images is not views[-1].images:
            return torch.zeros(len(images), 14, 2), torch.full((len(images), 14), 0.05)
        there = ((views[-1].keypoints >= -0.5) & (views[-1].keypoints < 63.5)).all(-1)
        return views[-1].keypoints, torch.where(there, 0.75, 0.25)

    monkeypatch.setattr(network, "keypoints", keypoints)
    found = fit_calibration(network, people)
    assert set(found.seen) <= {0.5, 0.75}
    assert 0.75 in found.seen
    assert 0.05 < found.person <= 0.75
    assert "balanced accuracy on 24 people" in found.note
    assert "somebody or nobody 100.0 %" in found.note


def test_a_network_that_sees_red_tells_people_from_walls(people, network, monkeypatch):
    def keypoints(images, *, flip_test):
        pixels = images.permute(0, 2, 3, 1) * torch.tensor(DEVIATION) + torch.tensor(MEAN)
        red = (pixels[..., 0] - pixels[..., 2] > 0.5).float().mean((1, 2))
        return torch.zeros(len(images), 14, 2), red[:, None].expand(-1, 14)

    monkeypatch.setattr(network, "keypoints", keypoints)
    found = fit_calibration(network, painted(people))
    assert 0 < found.person < 0.5
    assert "somebody or nobody 100.0 %" in found.note


def test_a_network_that_knows_nothing_has_thresholds_all_the_same(people, network):
    found = fit_calibration(network, people)
    assert len(found.seen) == 14
    assert all(0 <= threshold <= 1 for threshold in (*found.seen, found.person))


def test_the_same_people_give_the_same_calibration(people, network):
    assert fit_calibration(network, people) == fit_calibration(network, people)


def test_without_an_empty_part_the_threshold_is_the_middle(people, network):
    sizes = people.image_sizes.copy()
    sizes[:] = 8
    found = fit_calibration(network, replace(people, image_sizes=sizes))
    assert found.person == 0.5
    assert "0 without" in found.note
