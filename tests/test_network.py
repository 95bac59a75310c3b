import pytest
import torch

from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Hourglass
from glasspose.network import PoseNetwork
from glasspose.skeletons import COCO, LSP

pytestmark = pytest.mark.usefixtures("one_thread")


def network(skeleton=LSP):
    torch.manual_seed(0)
    made = PoseNetwork(Hourglass(input_size=(32, 64), channels=16, depth=1, stacks=2), Heatmap(), skeleton).eval()
    for head in made.model.heads:
        torch.nn.init.normal_(head.weight)
    return made


@pytest.mark.parametrize("skeleton", [LSP, COCO])
def test_shapes(skeleton):
    made = network(skeleton)
    images = torch.randn(3, 3, 32, 64)
    assert made.input_size == (32, 64)
    assert made(images).shape == made.heatmaps(images).shape == (3, 2, len(skeleton), 8, 16)
    keypoints, scores = made.keypoints(images)
    assert (keypoints.shape, scores.shape) == ((3, len(skeleton), 2), (3, len(skeleton)))
    assert not keypoints.requires_grad
    assert (keypoints >= -1).all()
    assert (keypoints <= torch.tensor([64, 32])).all()


def test_only_the_model_holds_weights():
    made = network()
    assert set(dict(made.named_parameters())) == {f"model.{name}" for name, _ in made.model.named_parameters()}


def test_a_raw_output_at_hand_is_used():
    made = network()
    images = torch.randn(1, 3, 32, 64)
    assert torch.equal(made.heatmaps(images, made(images)), made.heatmaps(images))
    assert torch.equal(made.heatmaps(images, torch.zeros(1, 2, 14, 8, 16)), torch.zeros(1, 2, 14, 8, 16))


def test_the_flip_test_gives_mirrored_pictures_mirrored_keypoints():
    """Left and right swapped, exactly: the average is over the same two pictures."""
    made = network()
    images = torch.randn(2, 3, 32, 64)
    plain, mirrored = made.heatmaps(images, flip_test=True), made.heatmaps(images.flip(-1), flip_test=True)
    assert torch.allclose(mirrored, plain.flip(-1)[:, :, list(LSP.flip)], atol=1e-6)
    assert not torch.allclose(made.heatmaps(images), plain, atol=1e-3)


def test_the_flip_test_is_the_average_of_both():
    made = network()
    images = torch.randn(2, 3, 32, 64)
    both = (made.heatmaps(images) + made.heatmaps(images.flip(-1)).flip(-1)[:, :, list(LSP.flip)]) / 2
    assert torch.allclose(made.heatmaps(images, flip_test=True), both)
