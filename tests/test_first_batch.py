import numpy as np
import pytest
import torch

from glasspose.configs.augmentation import Augmentation
from glasspose.configs.codecs import Heatmap
from glasspose.data.loading import PackedPeople
from glasspose.first_batch import SHOWN, first_batch_picture
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP
from glasspose.training import packed
from recipes_for_tests import NANO, nano_recipe

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def people(tmp_path):
    recipe = nano_recipe(tmp_path)
    return packed(recipe.data, recipe, tmp_path / "packs")


def picture_of(people, seed=0, **named):
    torch.manual_seed(0)
    return first_batch_picture(PoseNetwork(NANO, Heatmap(), LSP), PackedPeople([people], NANO.input_size, Augmentation(), seed, **named))


def test_a_few_people_are_shown_in_four_pictures_each(people):
    whole, two = picture_of(people), picture_of(people, chosen=[0, 1])
    assert whole.dtype == np.uint8
    assert whole.shape[1] == two.shape[1] >= 4 * 64
    assert whole.shape[0] == pytest.approx(two.shape[0] * SHOWN / 2, rel=0.1)
    upper, lower = np.split(two[: len(two) // 2 * 2], 2)
    assert (upper[16:-16, :64] != lower[16:-16, :64]).any(axis=-1).mean() > 0.5


def test_the_inputs_are_those_of_the_first_epoch(people):
    """The same seed gives the same picture, another seed another one."""
    assert np.array_equal(picture_of(people), picture_of(people))
    assert not np.array_equal(picture_of(people), picture_of(people, seed=1))


def test_labels_and_targets_are_drawn_where_they_are(people, monkeypatch):
    """Without labels, the second and third column change, the input does not."""
    shown = picture_of(people, chosen=[0])
    object.__setattr__(people, "labelled", np.zeros_like(people.labelled))
    bare = picture_of(people, chosen=[0])
    changed = (shown != bare).any(axis=(0, 2))
    quarter = shown.shape[1] // 4
    assert [bool(changed[i * quarter + 8 : (i + 1) * quarter - 8].any()) for i in range(4)] == [False, True, True, False]


def test_the_network_is_left_without_gradients(people):
    network = PoseNetwork(NANO, Heatmap(), LSP)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    first_batch_picture(network, PackedPeople([people], NANO.input_size, Augmentation()))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
