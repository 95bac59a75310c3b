import numpy as np
import pytest
import torch

from glasspose.configs.augmentation import Augmentation
from glasspose.configs.data import DrawnPeople
from glasspose.configs.training import Packing
from glasspose.data import read
from glasspose.data.loading import EpochSampler, PackedPeople, collate
from glasspose.data.on_device import DeviceLoader, PackOnDevice
from glasspose.data.packing import pack
from glasspose.errors import MissingError
from glasspose.geometry import compose, invert, transform, warp
from glasspose.structures import DEVIATION, MEAN

CPU = torch.device("cpu")
SIZE = (64, 64)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("on device")
    return pack(read(DrawnPeople(count=8, folder=folder / "drawn")), folder / "pack", Packing(size=64))


def on_device(packed, size=SIZE, augmentation=None, **options):
    return PackOnDevice(PackedPeople([packed], size, augmentation, **options), CPU)


@pytest.mark.parametrize("size", [(64, 64), (32, 32), (64, 48), (48, 64)])
def test_without_augmentation_it_gives_what_the_cpu_gives(packed, size):
    people = PackedPeople([packed], size)
    plain, ours = collate([people[0, i] for i in range(8)]), on_device(packed, size).batch(torch.arange(8), 0)
    assert (ours.images - plain.images).abs().mean() < 0.03  # a level is 0.017
    for name in ("keypoints", "image_to_input", "torso", "head"):
        assert getattr(ours, name) == pytest.approx(getattr(plain, name), abs=2e-3)
    for name in ("labelled", "occluded", "index"):
        assert torch.equal(getattr(ours, name), getattr(plain, name))


@pytest.mark.parametrize(("size", "scale"), [((64, 64), 0.1), ((48, 64), 0.1), ((24, 24), 0.1)])
def test_the_same_matrix_gives_the_same_view_on_the_cpu(packed, size, scale):
    """What is drawn comes from another stream than the CPU's; what is made of it does not differ.

    Both average whole pixels first where a view shrinks: the device by the factor before the drawn scale, the CPU by the one after it. Here
    their whole parts are the same.
    """
    batch = on_device(packed, size, Augmentation(colour=0, scale=scale, rotation=40, translation=0.1, flip=0.5), seed=4).batch(torch.arange(8), 2)
    mirrored = np.linalg.det(batch.image_to_input.numpy()[:, :, :2]) < 0
    assert 0 < mirrored.sum() < 8
    for i in range(8):
        matrix = compose(batch.image_to_input[i].numpy().astype(np.float64), invert(packed.image_to_crop[i]))
        picture = warp(packed.crops[i], matrix, size)
        wanted = (picture / 255 - np.array(MEAN)) / np.array(DEVIATION)
        assert np.abs(batch.images[i].permute(1, 2, 0).numpy() - wanted).mean() < 0.03  # a level is 0.017
        swap = list(packed.skeleton.flip) if mirrored[i] else list(range(14))
        assert torch.equal(batch.labelled[i], torch.tensor(packed.labelled[i][swap]))


def test_keypoints_stay_on_their_places_in_every_view(packed):
    """The matrix of each view maps the labels to the keypoints, left and right exchanged where it mirrors."""
    batch = on_device(packed, augmentation=Augmentation(), seed=4).batch(torch.arange(8), 2)
    mirrored = np.linalg.det(batch.image_to_input.numpy()[:, :, :2]) < 0
    assert 0 < mirrored.sum() < 8
    for i in range(8):
        wanted = transform(packed.keypoints[i], batch.image_to_input[i].numpy())
        wanted = wanted[list(packed.skeleton.flip)] if mirrored[i] else wanted
        assert batch.keypoints[i].numpy() == pytest.approx(wanted, abs=0.01)


def test_pictures_are_moved_as_their_keypoints_are(packed):
    """What is seen at a keypoint's new place is what was at its old one."""
    still = on_device(packed).batch(torch.arange(8), 0)
    moved = on_device(packed, augmentation=Augmentation(colour=0, flip=1.0, rotation=40)).batch(torch.arange(8), 0)
    flip, near = list(packed.skeleton.flip), []
    for i in range(8):
        for k in range(14):
            (x, y), (u, v) = still.keypoints[i, k].round().long().tolist(), moved.keypoints[i, flip[k]].round().long().tolist()
            if all(4 <= place < 60 for place in (x, y, u, v)):
                boxes = (still.images[i, :, y - 2 : y + 3, x - 2 : x + 3], moved.images[i, :, v - 2 : v + 3, u - 2 : u + 3])
                near.append(np.subtract(*(box.mean((1, 2)).numpy() for box in boxes)))
    assert len(near) > 40
    assert np.abs(near).mean() < 0.25


def test_a_view_is_a_function_of_seed_epoch_and_index(packed):
    people = on_device(packed, augmentation=Augmentation(), seed=4)
    one, other = people.batch(torch.arange(4), 1), people.batch(torch.arange(4), 2)
    again = people.batch(torch.tensor([5, 2, 0]), 1)
    assert torch.equal(one.images[[2, 0]], again.images[1:])
    assert torch.equal(one.keypoints[[2, 0]], again.keypoints[1:])
    assert not torch.equal(one.images, other.images)
    assert not torch.equal(one.images, on_device(packed, augmentation=Augmentation(), seed=5).batch(torch.arange(4), 1).images)


def test_people_of_several_packs_and_chosen_ones_keep_their_labels_and_weights(packed):
    known = (int(packed.image_ids[3]), int(packed.person_ids[3]))
    people = PackedPeople([packed, packed], SIZE, chosen=[3, 1], weights={known: 0.25})
    batch = PackOnDevice(people, CPU).batch(torch.arange(10), 0)
    wanted = collate([people[0, i] for i in range(10)])
    for name in ("keypoints", "labelled", "weight", "index"):
        assert getattr(batch, name) == pytest.approx(getattr(wanted, name), abs=2e-3)
    assert batch.weight.tolist() == [0.25] + [1] * 9


def test_its_batches_are_those_of_the_sampler(packed):
    sampler = EpochSampler(8, 4, rank=1, processes=2, shuffled=True, seed=3)
    sampler.epoch = 2
    batches = DeviceLoader(PackedPeople([packed], SIZE, Augmentation(), seed=3), sampler, CPU)
    assert [batch.index.tolist() for batch in batches] == [[index for _, index in keys] for keys in sampler]


def test_a_pack_that_does_not_fit_is_one_line(packed, monkeypatch):
    def full(*shape, **options):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr("glasspose.data.on_device.torch.empty", full)
    with pytest.raises(MissingError, match=r"8 packed people take 0\.0 GiB on cpu"):
        on_device(packed)
