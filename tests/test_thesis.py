"""What docs/explain/thesis.md states of the thesis's experiments X1 to X9."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from torch.nn import functional

from glasspose.codecs import build_codec
from glasspose.configs.codecs import Heatmap
from glasspose.configs.data import DrawnPeople
from glasspose.configs.models import Autoencoder
from glasspose.explain import skips
from glasspose.explain.grouping import by_silhouette
from glasspose.explain.principal import components_for, principal
from glasspose.explain.projecting import maps
from glasspose.models.autoencoder import SqueezingAutoencoder
from glasspose.skeletons import LSP

PAGE = Path(__file__).parents[1] / "docs/explain/thesis.md"
RNG = np.random.default_rng(0)


def upsampled_by_floor(picture, down, across):
    """Every output pixel takes the input pixel of the floor of its place."""
    rows, columns = np.arange(picture.shape[0] * down) // down, np.arange(picture.shape[1] * across) // across
    return picture[np.ix_(rows, columns)]


def upsampled_by_slide(picture, down, across):
    """The slide: pixels go to (x i, y j), every empty pixel takes the nearest of those, the one before it where two are as near."""
    height, width = picture.shape[0] * down, picture.shape[1] * across
    rows = [np.abs(np.arange(picture.shape[0]) * down - r).argmin() for r in range(height)]
    columns = [np.abs(np.arange(picture.shape[1]) * across - c).argmin() for c in range(width)]
    return picture[np.ix_(rows, columns)]


def test_the_page_names_every_experiment_and_this_file():
    text = PAGE.read_text()
    assert re.findall(r"^## (X\d)", text, re.MULTILINE) == [f"X{i}" for i in range(1, 10)]
    assert "tests/test_thesis.py" in text
    for name in re.findall(r"!\[[^]]+\]\((.+?)\)", text):
        assert (PAGE.parent / name).is_file()


@pytest.mark.slow
def test_x1_histograms_and_pictures_are_drawn_with_all_skips_off(nano_weights, tmp_path, one_thread):
    made = skips(nano_weights, DrawnPeople(count=6, folder=tmp_path), n=6)
    assert {"histograms", "people"} <= {figure.name for figure in made.figures}
    everything = max(len(row["branches"]) for row in made.numbers["effects"])
    assert {row["mode"] for row in made.numbers["effects"] if len(row["branches"]) == everything} >= {"zero", "mean"}
    assert everything == 4  # of two stacks with two levels


def test_x9_the_table_is_the_autoencoder_that_is_built():
    stated = re.findall(r"^\| (.+?) \| ([\dx ]+) \|$", PAGE.read_text().split("## X9")[1], re.MULTILINE)
    model = SqueezingAutoencoder(Autoencoder(code=50), (256, 4, 4))
    value, shapes, kinds = torch.randn(1, 256, 4, 4), [(256, 4, 4)], ["bottleneck"]
    for layer in (*model.encoder, *model.decoder):
        value = layer(value)
        if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d | torch.nn.Linear):
            shapes.append(tuple(value.shape[1:]))
            kinds.append({"Conv2d": "convolution", "ConvTranspose2d": "transposed", "Linear": "linear"}[type(layer).__name__])
    shapes[shapes.index((1024,))] = (64, 4, 4)
    assert [tuple(map(int, told.split(" x "))) for _, told in stated] == shapes
    assert all(kind in step for kind, (step, _) in zip(kinds, stated, strict=True))
    assert ["ReLU" in step for step, _ in stated] == [False, *[True] * 7, False]
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == 1.58


def test_x9_a_relu_at_the_end_cannot_give_negative_numbers():
    bottleneck = torch.randn(4, 64, 2, 2)
    ends = [SqueezingAutoencoder(Autoencoder(code=50, output_relu=relu), (64, 2, 2))(bottleneck).min().item() for relu in (True, False)]
    assert ends[0] >= 0 > ends[1]


def test_x2_a_step_of_one_is_one_standard_deviation_of_the_scores():
    rows = RNG.normal(size=(80, 9)) * np.arange(1, 10)
    found = principal(rows)
    assert np.sqrt(found.variances) == pytest.approx(found.scores.std(0, ddof=1))
    assert found.project((found.mean + 2 * np.sqrt(found.variances[3]) * found.axes[3])[None])[0, 3] == pytest.approx(2 * np.sqrt(found.variances[3]))


def test_x3_rotating_into_components_changes_no_silhouette():
    rows = RNG.normal(size=(60, 30)) * np.linspace(3, 1, 30)
    rows[:30] += 3
    curve = by_silhouette(principal(rows).scores, ks=(2, 3))
    plain = {k: silhouette_score(rows, KMeans(k, n_init=10, max_iter=1000, random_state=0).fit_predict(rows)) for k in (2, 3)}
    assert curve[2] == pytest.approx(plain[2], abs=1e-9)
    assert max(curve, key=curve.get) == max(plain, key=plain.get) == 2


def test_x3_the_silhouette_names_a_k_even_where_there_are_no_clusters():
    curve = by_silhouette(principal(RNG.normal(size=(150, 20)) * np.geomspace(5, 0.5, 20)).scores)
    assert max(curve.values()) > 0


def test_x4_every_map_says_how_far_it_can_be_trusted():
    for made in maps(principal(RNG.normal(size=(40, 6))).scores):
        assert 0 <= made.trustworthiness <= 1
        assert 0 <= made.continuity <= 1
        assert made.reliability.shape == (40,)


@pytest.mark.parametrize("variances", [RNG.exponential(size=50), np.array([1.0]), np.array([95.0, 5.0])])
def test_x6_argmax_is_an_index_and_one_less_than_the_count(variances):
    ordered = np.sort(variances)[::-1]
    index = int(np.argmax(np.cumsum(ordered) / ordered.sum() >= 0.95 - 1e-12))
    assert components_for(ordered) == index + 1


@pytest.mark.parametrize("factors", [(2, 2), (3, 2), (4, 4), (1, 5)])
def test_x7_floor_indices_are_what_networks_use(factors):
    picture = RNG.normal(size=(5, 4)).astype(np.float32)
    wanted = functional.interpolate(torch.from_numpy(picture)[None, None], scale_factor=tuple(map(float, factors)), mode="nearest")[0, 0]
    assert (upsampled_by_floor(picture, *factors) == wanted.numpy()).all()


def test_x7_the_slides_algorithm_is_the_same_for_2_and_shifted_from_3_on():
    picture = np.arange(12.0).reshape(3, 4)
    assert (upsampled_by_slide(picture, 2, 2) == upsampled_by_floor(picture, 2, 2)).all()
    assert (upsampled_by_slide(picture, 3, 3) != upsampled_by_floor(picture, 3, 3)).any()


def test_x8_sigma_is_the_standard_deviation_not_the_variance():
    codec = build_codec(Heatmap(sigma=2.0), LSP, (64, 64))
    place = codec.to_input(torch.tensor([[[8.0, 8.0]]])).expand(1, len(LSP), 2)
    drawn = codec.drawn(place, torch.ones(1, len(LSP), dtype=torch.bool), 2.0)[0, 0]
    assert drawn[8, 8].item() == pytest.approx(1.0)
    assert drawn[8, 10].item() == pytest.approx(np.exp(-0.5), abs=1e-6)


def test_x8_batch_normalisation_at_rest_is_a_fixed_affine_map():
    norm = torch.nn.BatchNorm2d(3)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm(torch.randn(16, 3, 4, 4) * 3 + 1)
    norm.eval()
    one, other = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    assert torch.allclose(norm((one + other) / 2), (norm(one) + norm(other)) / 2, atol=1e-5)
    assert torch.allclose(norm(one), norm(torch.cat([one, other]))[:2])
