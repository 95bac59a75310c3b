"""The decoding of the UVic report, against SciPy's filters on one map after the other."""

import cv2
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, maximum_filter

from glasspose.codecs import build_codec
from glasspose.codecs.uvic_decoding import uvic_averaged
from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import UvicHourglass
from glasspose.exporting.graph import Pipeline
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP

SIZE = (96, 128)
pytestmark = pytest.mark.usefixtures("one_thread")


def codec(decoder="uvic"):
    return build_codec(Heatmap(decoder=decoder), LSP, SIZE)


def by_hand(heatmap):
    grown = gaussian_filter(cv2.resize(heatmap, SIZE[::-1], interpolation=cv2.INTER_LINEAR), 1)
    cut = np.where(grown < 0.2, 0, grown)
    peaks = cut * (cut == maximum_filter(cut, footprint=np.ones((3, 3))))
    y, x = np.unravel_index(peaks.argmax(), peaks.shape)
    return (x, y, peaks[y, x]) if peaks[y, x] > 0.04 else (0, 0, 0)


def test_it_is_what_scipy_makes_of_each_map():
    """Maps of noise with peaks in the middle and on the border, some of them below the cut."""
    rng = np.random.default_rng(0)
    maps = torch.tensor(rng.uniform(0, 0.15, (2, 14, 24, 32)), dtype=torch.float32)
    for k in range(14):
        maps[0, k, rng.integers(0, 24), [0, 31, 16][k % 3]] = rng.uniform(0.3, 2)
    places, scores = codec().decode(maps)
    expected = np.array([[by_hand(heatmap) for heatmap in person] for person in maps.numpy()])
    assert np.array_equal(places.numpy(), expected[..., :2])
    assert np.allclose(scores.numpy(), expected[..., 2].clip(0, 1), atol=1e-6)
    assert (expected[0, :, 2] > 0).sum() >= 10
    assert not expected[1].any()


def test_an_empty_map_and_a_faint_one_are_no_answers():
    maps = torch.zeros(1, 14, 24, 32)
    maps[0, 1, 10, 10:13] = 0.15
    maps[0, 2, 10, 10:13] = torch.tensor([0.2, 1.0, 0.5])
    maps[0, 2, 11, 11] = 0.3
    places, scores = codec().decode(maps)
    assert (places[0, :2].abs().sum(), scores[0, :2].sum()) == (0, 0)
    assert places[0, 2].tolist() == [46, 42]  # of the map's pixel (11, 10) the quarter next to its higher neighbours
    assert codec("argmax").decode(maps)[1][0, 1] == pytest.approx(0.15)


def test_places_are_averaged_and_a_one_sided_answer_stands_alone():
    one = torch.tensor([[[10.0, 20.0], [10.0, 20.0], [0.0, 0.0], [0.0, 0.0]]]), torch.tensor([[0.5, 0.9, 0.0, 0.0]])
    other = torch.tensor([[[14.0, 26.0], [0.0, 0.0], [30.0, 8.0], [0.0, 0.0]]]), torch.tensor([[0.7, 0.0, 0.3, 0.0]])
    places, scores = uvic_averaged(one, other)
    assert places.tolist() == [[[12, 23], [10, 20], [30, 8], [0, 0]]]
    assert scores.numpy() == pytest.approx(np.array([[0.6, 0.9, 0.3, 0.0]]))


class Seeing(torch.nn.Module):
    """The heat of every keypoint is a narrow peak, whose column is another one for mirrored pictures."""

    def forward(self, images):
        maps = torch.zeros(len(images), 1, 14, 24, 32)
        mirrored = images[:, 0, 0, 0] < 0
        maps[~mirrored, ..., 10, 10] = maps[mirrored, ..., 10, 31 - 20] = 2.0
        return maps


def test_the_flip_test_averages_places_only_where_asked():
    """Peaks in columns 10 and 20 of the map: the mean of the heat has two tops, the mean of the places lies between them."""
    found = {}
    for decoder in ("uvic", "uvic_flip"):
        network = PoseNetwork(UvicHourglass(input_size=SIZE, channels=8, depth=1, stacks=1), Heatmap(decoder=decoder), LSP).around(Seeing())
        images = torch.ones(1, 3, *SIZE)
        images[..., :64] = -1
        found[decoder] = network.keypoints(images.flip(-1), flip_test=True)[0][0, 0, 0].item()
        alone = network.keypoints(images.flip(-1))[0][0, 0, 0].item()
    assert found["uvic"] == alone
    assert found["uvic_flip"] == alone + 4 * 10 / 2


@pytest.mark.parametrize("decoder", ["uvic", "uvic_flip"])
def test_the_exported_graph_reads_off_as_the_network_does(decoder):
    torch.manual_seed(0)
    network = PoseNetwork(UvicHourglass(input_size=SIZE, channels=8, depth=1, stacks=1, output="sigmoid"), Heatmap(decoder=decoder), LSP).eval()
    pipeline = Pipeline(network, flip_test=True).eval()
    crops = torch.randint(0, 256, (2, *SIZE, 3), dtype=torch.uint8)
    normalised = (crops.float() * pipeline.factor + pipeline.shift).permute(0, 3, 1, 2)
    with torch.inference_mode():
        places, scores, *_ = pipeline(crops)
        expected = network.keypoints(normalised, flip_test=True)
    assert torch.equal(places, expected[0])
    assert torch.equal(scores, expected[1])
