import numpy as np
import pytest
import torch

from glasspose.configs.augmentation import Augmentation
from glasspose.configs.data import DrawnPeople
from glasspose.configs.training import Packing
from glasspose.data import read
from glasspose.data.loading import EpochSampler, PackedPeople, PicturedPeople, loader, normalise
from glasspose.data.packing import pack, packable
from glasspose.geometry import transform
from glasspose.structures import DEVIATION, MEAN


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loading")
    return pack(read(DrawnPeople(count=13, folder=folder / "drawn")), folder / "pack", Packing(size=64))


def epoch(packed, workers, epoch=2, **options):
    people = PackedPeople([packed], (64, 64), Augmentation(), seed=3)
    sampler = EpochSampler(len(people), 4, shuffled=True, seed=3, **options)
    sampler.epoch = epoch
    return list(loader(people, sampler, workers))


def test_batches_do_not_depend_on_the_number_of_workers(packed):
    for one, other in zip(epoch(packed, 0), epoch(packed, 2), strict=True):
        assert torch.equal(one.index, other.index)
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.keypoints, other.keypoints)


def test_epochs_differ_and_repeat(packed):
    first, again, next_one = epoch(packed, 0), epoch(packed, 0), epoch(packed, 0, epoch=3)
    assert torch.equal(first[0].images, again[0].images)
    assert not torch.equal(first[0].index, next_one[0].index)


@pytest.mark.parametrize(("count", "batch", "processes"), [(13, 4, 2), (13, 4, 1), (3, 4, 2), (8, 4, 4)])
def test_processes_share_everybody_once(count, batch, processes):
    seen = []
    for rank in range(processes):
        for keys in EpochSampler(count, batch, rank, processes, shuffled=False):
            assert len(keys) == batch // processes
            seen += [index for _, index in keys if index >= 0]
    assert sorted(seen) == list(range(count))


def test_training_never_sees_padding_or_a_person_twice_in_an_epoch():
    keys = [key for batch in EpochSampler(13, 4, shuffled=True, seed=1) for key in batch]
    assert len(keys) == 12
    assert len({index for _, index in keys}) == 12
    assert min(index for _, index in keys) >= 0


def test_a_started_epoch_goes_on_with_the_same_batches():
    sampler = EpochSampler(40, 4, shuffled=True, seed=1)
    whole = list(sampler)
    sampler.start = 6
    assert list(sampler) == whole[6:]


def test_padding_is_labelled_nowhere(packed):
    sampler = EpochSampler(13, 8, shuffled=False)
    last = list(loader(PackedPeople([packed], (64, 64)), sampler))[-1]
    assert last.index.tolist() == [8, 9, 10, 11, 12, -1, -1, -1]
    assert not last.labelled[5:].any()


def test_keypoints_go_from_image_to_input_by_the_matrix_of_the_batch(packed):
    batch = next(iter(loader(PackedPeople([packed], (64, 64)), EpochSampler(13, 4, shuffled=False))))
    expected = transform(packed.keypoints[2], batch.image_to_input[2].double().numpy())
    assert batch.keypoints[2].numpy() == pytest.approx(expected, abs=1e-3)


def test_normalisation_is_imagenets_and_keeps_channels_last():
    images = torch.full((1, 2, 2, 3), 255, dtype=torch.uint8)
    out = normalise(images)
    assert out[0, :, 0, 0].tolist() == pytest.approx([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_chosen_people_only(packed):
    people = PackedPeople([packed, packed], (64, 64), chosen=[2, 5])
    assert len(people) == 2 + 13
    assert np.array_equal(people[(0, 1)]["images"], PackedPeople([packed], (64, 64))[(0, 5)]["images"])


@pytest.fixture(scope="module")
def pictured(tmp_path_factory):
    """The same people packed and in their pictures."""
    folder = tmp_path_factory.mktemp("pictured")
    dataset = read(DrawnPeople(count=6, folder=folder / "drawn", size=(200, 240)))
    return pack(dataset, folder / "pack", Packing(size=128)), packable(dataset)


@pytest.mark.parametrize("augmentation", [None, Augmentation(wide=0, close=0, cut=0, occlusion=0, grey=0, blur=0)])
def test_pictures_give_the_samples_that_a_pack_gives(pictured, augmentation):
    packed, people = pictured
    size = (128, 128)
    ours, theirs = PackedPeople([packed], size, augmentation, seed=5), PicturedPeople(people, packed.skeleton, size, augmentation, seed=5)
    assert len(ours) == len(theirs) == 6
    for index in range(6):
        one, other = ours[3, index], theirs[3, index]
        assert set(one) == set(other)
        for key in ("keypoints", "image_to_input", "torso", "head"):
            assert other[key] == pytest.approx(one[key], abs=1e-3)
        for key in ("labelled", "occluded", "index"):
            assert np.array_equal(one[key], other[key])
        assert np.abs(one["images"].astype(float) - other["images"]).mean() < 4  # the pack's are interpolated twice


def test_padding_from_pictures_is_labelled_nowhere(pictured):
    packed, people = pictured
    assert not PicturedPeople(people, packed.skeleton, (64, 64))[0, -1]["labelled"].any()
    assert PicturedPeople(people, packed.skeleton, (64, 64))[0, 0]["labelled"].any()


def test_normalising_by_rows_gives_the_bits_of_normalising_by_pixels():
    images = torch.randint(0, 256, (2, 6, 5, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    plain = (images.float() / 255.0 - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
    assert torch.equal(normalise(images), plain.permute(0, 3, 1, 2))
