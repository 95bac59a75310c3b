import numpy as np
import pytest
import torch

from glasspose.checkpoint import load_weights
from glasspose.configs.data import DrawnPeople
from glasspose.configs.training import Packing
from glasspose.data import read
from glasspose.data.loading import PackedPeople, collate
from glasspose.data.packing import pack
from glasspose.judging import judge, torso_hits, torso_pck
from glasspose.processes import launch

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judging")
    return PackedPeople([pack(read(DrawnPeople(count=7, folder=folder)), folder / "pack", Packing(size=64))], (64, 64))


@pytest.fixture
def network(nano_weights):
    return load_weights(nano_weights)[0]


def judged_by(network, people, **options):
    return judge(network, people, launch(device="cpu"), **options)


@pytest.mark.parametrize("flip_test", [False, True])
def test_everybody_is_judged_once_and_in_order(network, people, flip_test):
    judged = judged_by(network, people, batch=3, flip_test=flip_test)
    batch = collate([people[(0, i)] for i in range(7)])
    with torch.no_grad():
        maps = network.heatmaps(batch.images, flip_test=flip_test)
    for stack in range(2):
        keypoints, scores = network.codec.decode(maps[:, stack])
        assert judged.keypoints[:, stack] == pytest.approx(keypoints.numpy(), abs=1e-2)
        assert judged.scores[:, stack] == pytest.approx(scores.numpy(), abs=1e-5)
    assert np.array_equal(judged.truth, batch.keypoints.numpy())
    assert np.array_equal(judged.labelled, batch.labelled.numpy())


def test_losses_are_means_over_the_labelled_keypoints(network, people):
    batch = collate([people[(0, i)] for i in range(7)])
    with torch.no_grad():
        losses = network.codec.losses(network(batch.images), batch.keypoints, batch.labelled).double().sum(0) / batch.labelled.sum()
    assert judged_by(network, people, batch=4).losses == pytest.approx(losses.numpy(), rel=1e-5)


def test_padding_counts_for_nothing(network, people):
    one, other = judged_by(network, people, batch=7), judged_by(network, people, batch=64)
    assert len(other.truth) == 7
    assert other.losses == pytest.approx(one.losses, rel=1e-6)


def test_torsos_are_in_input_pixels(network, people):
    judged = judged_by(network, people)
    pack = people.packs[0]
    right_hip, left_shoulder = pack.skeleton.torso
    length = np.linalg.norm(judged.truth[:, right_hip] - judged.truth[:, left_shoulder], axis=1)
    known = pack.torso > 0
    assert known.any()
    assert judged.torso[known] == pytest.approx(length[known], rel=1e-4)
    assert (judged.torso[~known] == 0).all()


def test_another_model_is_judged_and_nothing_is_left_changed(network, people, nano_weights):
    average = load_weights(nano_weights)[0].model
    torch.nn.init.constant_(average.heads[-1].bias, 0.25)
    own, before = network.model, judged_by(network, people)
    judged = judge(network.around(average), people, launch(device="cpu"))
    assert judged.scores[:, -1].mean() > before.scores[:, -1].mean() + 0.2
    assert network.model is own


def test_hits_are_counted_by_hand():
    truth = torch.zeros(3, 2, 2)
    keypoints = torch.tensor([[[2.0, 0.0], [0.0, 2.1]], [[1.9, 0.0], [9.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])[:, None]
    counted = torch.tensor([[True, True], [True, False], [True, True]])
    hits, asked = torso_hits(keypoints, truth, counted, torch.tensor([10.0, 10.0, 0.0]), 0.2)
    assert hits.tolist() == [2.0]
    assert asked.item() == 3.0


def test_pck_of_the_truth_is_one(network, people):
    judged = judged_by(network, people)
    right = type(judged)(**{**vars(judged), "keypoints": np.repeat(judged.truth[:, None], 2, 1)})
    assert torso_pck(right) == [1.0, 1.0]
    assert all(0 <= share < 1 for share in torso_pck(judged))
