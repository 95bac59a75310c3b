"""What holds for every codec."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from examples_for_tests import examples
from glasspose.codecs import CODECS as BUILDERS
from glasspose.codecs import build_codec
from glasspose.codecs.codec import Codec
from glasspose.skeletons import LSP
from networks_for_tests import CODECS, SIZE, people

EXACT = dict.fromkeys(CODECS, 0.001) | {"heatmap": 0.2, "simcc, smoothed": 0.26}
"""Input pixels: DARK is within a twentieth of a map's pixel; half a bin where the labels name one."""
pytestmark = pytest.mark.usefixtures("one_thread")
ALL = pytest.mark.parametrize("name", CODECS)


def built(name, **changes):
    return build_codec(CODECS[name].model_copy(update=changes), LSP, SIZE)


def answer_of(codec, places, labelled=None):
    return codec.encode(places, torch.ones(places.shape[:2], dtype=torch.bool) if labelled is None else labelled)


def raw_like(codec, count=2, stacks=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (codec.output_channels, *codec.size) if codec.head == "maps" else (codec.output_channels,)
    return torch.randn((count, stacks, *shape), generator=generator)


def test_every_kind_is_here():
    assert {config.kind for config in CODECS.values()} == set(BUILDERS)


@ALL
def test_the_configuration_says_what_the_codec_asks_of_the_model(name):
    assert built(name).head == CODECS[name].head
    assert isinstance(built(name), Codec)


@ALL
@settings(max_examples=examples(20))
@given(x=st.floats(24, SIZE[1] - 25), y=st.floats(24, SIZE[0] - 25))
def test_decode_gives_back_what_was_encoded(name, x, y):
    codec = built(name)
    places = torch.tensor([x, y]).expand(1, 14, 2)
    found, scores = codec.decode(answer_of(codec, places))
    assert (found - places).abs().max() <= EXACT[name]
    assert scores.min() > (0.75 if name == "heatmap" else 0.999)


@ALL
def test_what_is_unlabelled_or_outside_is_encoded_as_absent(name):
    codec = built(name)
    _, places, labelled = people()
    _, scores = codec.decode(codec.encode(places, labelled))
    assert scores[0, 0] == scores[1, 1] == 0
    assert (scores > 0).sum() == scores.numel() - 2


@ALL
def test_the_mirror_image_is_its_own_inverse(name):
    codec = built(name)
    answer = codec.activate(raw_like(codec))
    assert torch.allclose(codec.mirrored(codec.mirrored(answer, LSP.flip), LSP.flip), answer, atol=1e-4)


@ALL
def test_the_answer_for_mirrored_people_mirrored_is_that_for_the_people(name):
    codec = built(name)
    _, places, labelled = people()
    other = torch.stack([SIZE[1] - 1 - places[..., 0], places[..., 1]], -1)[:, list(LSP.flip)]
    other[0, LSP.flip[0]] = -1e4
    mirrored = codec.mirrored(codec.encode(other, labelled[:, list(LSP.flip)])[:, None], LSP.flip)[:, 0]
    there = labelled & codec.inside(places)
    (found, scores), (expected, theirs) = codec.decode(mirrored), codec.decode(codec.encode(places, labelled))
    assert torch.allclose(found[there], expected[there], atol=2 * EXACT[name])
    assert torch.allclose(scores, theirs, atol=1e-5)


@ALL
def test_answers_have_scores_between_zero_and_one_and_maps_as_high(name):
    codec = built(name)
    answer = codec.activate(raw_like(codec, stacks=2))
    maps = codec.maps(answer)
    assert maps.shape == (2, 2, 14, *codec.size)
    _, scores = codec.decode(answer[:, 0])
    assert ((scores >= 0) & (scores <= 1)).all()
    if name != "heatmap":
        assert (maps.amax((-2, -1))[:, 0] <= scores + 1e-5).all()


@ALL
def test_maps_peak_where_the_answer_lies(name):
    codec = built(name)
    places = codec.to_input(torch.tensor([[[7.0, 5.0], [16.0, 9.0]]]).repeat(1, 7, 1))
    maps = codec.maps(answer_of(codec, places)[:, None])[0, 0]
    flat = maps.flatten(1).argmax(1)
    assert torch.stack([flat % 24, flat // 24], 1).tolist() == [[7, 5], [16, 9]] * 7
    assert maps.amax((-2, -1)).min() > 0.99


@ALL
def test_the_target_maps_are_those_of_the_truth(name):
    codec = built(name)
    _, places, labelled = people()
    assert codec.target_maps(places, labelled).shape == (4, 14, *codec.size)
    assert codec.target_maps(places, labelled)[0, 0].abs().max() == 0


@ALL
def test_unlabelled_keypoints_are_masked(name):
    codec = built(name)
    _, places, labelled = people()
    raw, nobody = raw_like(codec, 4), torch.zeros_like(labelled)
    assert codec.losses(raw, places, nobody).abs().max() == 0
    moved = places.clone()
    moved[1, 1] += 7
    assert torch.equal(codec.losses(raw, places, labelled), codec.losses(raw, moved, labelled))
    assert codec.supervised(labelled).sum() == labelled.sum()


@ALL
def test_hidden_keypoints_can_be_masked(name):
    codec = built(name, occluded="mask")
    _, places, labelled = people()
    hidden = torch.ones_like(labelled)
    assert codec.losses(raw_like(codec, 4), places, labelled, hidden).abs().max() == 0


@ALL
def test_losses_are_of_the_people_one_by_one(name):
    codec = built(name)
    _, places, labelled = people()
    raw = raw_like(codec, 4, stacks=2)
    whole = codec.losses(raw, places, labelled)
    assert whole.shape == (4, 2)
    for n in range(4):
        assert torch.allclose(codec.losses(raw[n : n + 1], places[n : n + 1], labelled[n : n + 1])[0], whole[n], rtol=1e-4)
    assert torch.allclose(codec.losses(raw[:, 1:], places, labelled)[:, 0], whole[:, 1], rtol=1e-4)


@ALL
def test_learning_beats_the_lazy_answer(name):
    """Free numbers in place of a network: they reach a loss far below that of the lazy answer, and the keypoints."""
    torch.manual_seed(0)
    codec = built(name)
    _, places, labelled = people()
    if name == "rle without presence":  # the densities have no lower bound
        pytest.skip("the loss is a likelihood")
    scale = 20.0 if name == "coordinates of the document" else 1.0
    raw = (torch.full_like(raw_like(codec, 4), 1.0) if scale > 1 else torch.zeros_like(raw_like(codec, 4))).requires_grad_()
    optimiser = torch.optim.Adam([raw], lr=0.1 * scale)
    for _ in range(120):
        optimiser.zero_grad()
        codec.losses(raw, places, labelled).sum().backward()
        optimiser.step()
    loss, lazy = codec.losses(raw, places, labelled).sum(), codec.zero_loss(places, labelled).sum()
    assert loss < lazy - 0.5 * lazy.abs()
    there = labelled & codec.inside(places)
    found, scores = codec.decode(codec.activate(raw)[:, 0])
    assert (found - places)[there].norm(dim=-1).max() < (16 if name == "soft_argmax, none" else 3)  # nothing else holds its map together
    if "document" not in name and "without" not in name and name != "simcc, smoothed":
        assert scores[there].min() > 0.5 > scores[0, 0]


@ALL
def test_zero_loss_is_one_number_a_person_and_finite(name):
    codec = built(name)
    _, places, labelled = people()
    zero = codec.zero_loss(places, labelled)
    assert zero.shape == (4,)
    assert zero.isfinite().all()
    assert codec.zero_loss(places, torch.zeros_like(labelled)).abs().max() == 0


@ALL
def test_nothing_depends_on_places_far_away(name):
    """Keypoints outside stand at -10,000: their losses and gradients stay finite."""
    codec = built(name)
    _, places, labelled = people()
    raw = raw_like(codec, 4).requires_grad_()
    codec.losses(raw, places, labelled).sum().backward()
    assert raw.grad.isfinite().all()


@ALL
def test_a_perfect_answer_has_a_finite_gradient(name):
    codec = built(name)
    places = torch.full((1, 14, 2), 40.0)
    raw = torch.zeros_like(raw_like(codec, 1)).requires_grad_()
    codec.losses(raw, places, torch.ones(1, 14, dtype=torch.bool)).sum().backward()
    assert raw.grad.isfinite().all()
