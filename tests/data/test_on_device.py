import numpy as np
import pytest
import torch

from glasspose.configs.augmentation import Augmentation
from glasspose.configs.data import DrawnPeople
from glasspose.configs.training import Packing
from glasspose.data import read
from glasspose.data.loading import PackedPeople, collate
from glasspose.data.on_device import PackOnDevice
from glasspose.data.packing import pack
from glasspose.geometry import transform

CPU = torch.device("cpu")
SIZE = (64, 64)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("on device")
    return pack(read(DrawnPeople(count=8, folder=folder / "drawn")), folder / "pack", Packing(size=64))


@pytest.mark.parametrize("size", [(64, 64), (32, 32)])
def test_without_augmentation_it_gives_what_the_cpu_gives(packed, size):
    people = PackedPeople([packed], size)
    plain, ours = collate([people[0, i] for i in range(8)]), PackOnDevice(packed, size, CPU).batch(torch.arange(8), 0, 0)
    assert (ours.images - plain.images).abs().mean() < 0.03  # a level is 0.017
    for name in ("keypoints", "image_to_input", "torso", "head"):
        assert getattr(ours, name) == pytest.approx(getattr(plain, name), abs=2e-3)
    for name in ("labelled", "occluded", "index"):
        assert torch.equal(getattr(ours, name), getattr(plain, name))


def test_keypoints_stay_on_their_places_in_every_view(packed):
    """The matrix of each view maps the labels to the keypoints, left and right exchanged where it mirrors."""
    batch = PackOnDevice(packed, SIZE, CPU, Augmentation(), seed=4).batch(torch.arange(8), 2, 3)
    mirrored = np.linalg.det(batch.image_to_input.numpy()[:, :, :2]) < 0
    assert 0 < mirrored.sum() < 8
    for i in range(8):
        wanted = transform(packed.keypoints[i], batch.image_to_input[i].numpy())
        wanted = wanted[list(packed.skeleton.flip)] if mirrored[i] else wanted
        assert batch.keypoints[i].numpy() == pytest.approx(wanted, abs=0.01)


def test_pictures_are_moved_as_their_keypoints_are(packed):
    """What is seen at a keypoint's new place is what was at its old one."""
    still = PackOnDevice(packed, SIZE, CPU).batch(torch.arange(8), 0, 0)
    moved = PackOnDevice(packed, SIZE, CPU, Augmentation(colour=0, flip=1.0, rotation=40)).batch(torch.arange(8), 0, 1)
    flip, near = list(packed.skeleton.flip), []
    for i in range(8):
        for k in range(14):
            (x, y), (u, v) = still.keypoints[i, k].round().long().tolist(), moved.keypoints[i, flip[k]].round().long().tolist()
            if all(4 <= place < 60 for place in (x, y, u, v)):
                boxes = (still.images[i, :, y - 2 : y + 3, x - 2 : x + 3], moved.images[i, :, v - 2 : v + 3, u - 2 : u + 3])
                near.append(np.subtract(*(box.mean((1, 2)).numpy() for box in boxes)))
    assert len(near) > 40
    assert np.abs(near).mean() < 0.25


def test_it_is_a_function_of_seed_epoch_and_step(packed):
    people = PackOnDevice(packed, SIZE, CPU, Augmentation(), seed=4)
    one, again, other = people.batch(torch.arange(4), 1, 2), people.batch(torch.arange(4), 1, 2), people.batch(torch.arange(4), 1, 3)
    assert torch.equal(one.images, again.images)
    assert not torch.equal(one.images, other.images)
