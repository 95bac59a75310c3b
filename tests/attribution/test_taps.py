from functools import partial

import pytest
import torch

from glasspose.attribution.taps import recorded, replaced
from glasspose.models import build_model
from recipes_for_tests import NANO

pytestmark = pytest.mark.usefixtures("one_thread")


def given(output, _):
    return output.detach()


def network():
    torch.manual_seed(0)
    made = build_model(NANO, 3).eval()
    for head in made.heads:
        torch.nn.init.normal_(head.weight)
    return made


def test_putting_back_what_was_recorded_changes_no_bit():
    made, images = network(), torch.randn(2, 3, 64, 64)
    with recorded(made.taps()) as found:
        plain = made(images)
    with replaced(made.taps(), {name: partial(given, output) for name, output in found.items()}):
        assert torch.equal(made(images), plain)
    assert torch.equal(made(images), plain)


def test_replacing_reaches_the_answer_and_leaves_the_network_as_it_was():
    made, images = network(), torch.randn(1, 3, 64, 64)
    plain = made(images)
    for name in made.taps():
        with replaced(made.taps(), {name: torch.zeros_like}):
            assert not torch.equal(made(images)[:, -1], plain[:, -1]), name
        assert torch.equal(made(images), plain)


def test_gradients_flow_through_what_is_recorded():
    made = network()
    with recorded({"stem": made.stem}) as found:
        answer = made(torch.randn(1, 3, 64, 64))
    (gradient,) = torch.autograd.grad(answer.sum(), found["stem"])
    assert gradient.abs().sum() > 0
