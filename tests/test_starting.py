import pytest
import torch
from torch import nn

from glasspose.checkpoint import save_weights
from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Hourglass, ThesisHourglass
from glasspose.errors import UsageError, WeightsError
from glasspose.network import PoseNetwork
from glasspose.skeletons import COCO, LSP, Skeleton
from glasspose.starting import freeze, start_from
from networks_for_tests import tiny

SHARED = [name for name in COCO.keypoints if name in LSP.keypoints]
PARTS = "stem, hourglasses, features, heads, merge_features, merge_heatmaps"


pytestmark = pytest.mark.usefixtures("one_thread")


def network(skeleton=LSP, seed=0, **changes):
    torch.manual_seed(seed)
    made = PoseNetwork(Hourglass(**{"input_size": (32, 32), "channels": 16, "depth": 1, "stacks": 2, **changes}), Heatmap(), skeleton)
    for value in made.model.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.randn(value.shape).half())
    return made


@pytest.fixture
def source(tmp_path):
    """Weights of LSP's keypoints, and the state that they were written from."""
    written = network(seed=1)
    save_weights(tmp_path / "source.safetensors", written, {})
    return str(tmp_path / "source.safetensors"), written.model.state_dict()


def state(made):
    return {key: value.clone() for key, value in made.model.state_dict().items() if value.is_floating_point()}


def test_the_same_skeleton_is_copied_whole(source):
    path, theirs = source
    mine = network(seed=2)
    copied = start_from(mine, path)
    assert all(torch.equal(value, theirs[key]) for key, value in state(mine).items())
    assert (copied.source, copied.new, copied.keypoints) == ("source", [], list(LSP.keypoints))
    assert set(copied.whole) | set(copied.by_keypoint) == set(state(mine))


def test_another_skeleton_takes_the_keypoints_of_the_same_name(source):
    path, theirs = source
    mine = network(COCO, seed=2)
    fresh = state(mine)
    copied = start_from(mine, path)
    assert copied.keypoints == SHARED
    assert len(SHARED) == 12
    for key, axis in (("heads.0.weight", 0), ("heads.1.bias", 0), ("merge_heatmaps.0.weight", 1)):
        for k, name in enumerate(COCO.keypoints):
            expected = theirs[key].select(axis, LSP.index(name)) if name in SHARED else fresh[key].select(axis, k)
            assert torch.equal(mine.model.state_dict()[key].select(axis, k), expected), (key, name)
    assert torch.equal(mine.model.state_dict()["stem.0.weight"], theirs["stem.0.weight"])
    assert SHARED[0] in copied.lines()[0]


def test_a_skeleton_without_a_shared_name_gets_a_new_head(source):
    path, _ = source
    mine = network(Skeleton(name="paws", keypoints=("a", "b")), seed=2)
    fresh = state(mine)
    copied = start_from(mine, path)
    assert all(torch.equal(mine.model.state_dict()[key], fresh[key]) for key in fresh if key.startswith(("heads", "merge_heatmaps.0.weight")))
    assert "a new head" in copied.lines()[0]
    assert "heads.0.weight" in copied.lines()[0]


@pytest.mark.parametrize("stacks", [1, 3])
def test_other_stacks_share_the_first_ones(source, stacks):
    path, theirs = source
    mine = network(stacks=stacks, seed=2)
    fresh = state(mine)
    copied = start_from(mine, path)
    for key, value in state(mine).items():
        assert torch.equal(value, theirs[key] if key in theirs else fresh[key]), key
    assert copied.new == [key for key in fresh if key not in theirs]
    assert bool(copied.new) == (stacks == 3)


def test_a_head_of_several_layers_takes_keypoints_along_both_axes(tmp_path):
    theirs, mine = (thesis(skeleton, seed) for skeleton, seed in ((LSP, 1), (COCO, 2)))
    save_weights(tmp_path / "thesis.safetensors", theirs, {})
    fresh, known = state(mine), theirs.model.state_dict()
    start_from(mine, str(tmp_path / "thesis.safetensors"))
    now = mine.model.state_dict()
    for a, one in enumerate(COCO.keypoints):
        for name in ("heads.0.0.weight", "heads.1.1.running_var", "heads.0.1.weight", "heads.0.3.bias"):
            assert torch.equal(now[name][a], known[name][LSP.index(one)] if one in SHARED else fresh[name][a]), (name, one)
        for b, other in enumerate(COCO.keypoints):
            both = one in SHARED and other in SHARED
            expected = known["heads.0.3.weight"][LSP.index(one), LSP.index(other)] if both else fresh["heads.0.3.weight"][a, b]
            assert torch.equal(now["heads.0.3.weight"][a, b], expected), (one, other)


def thesis(skeleton, seed):
    torch.manual_seed(seed)
    made = PoseNetwork(ThesisHourglass(input_size=(32, 32), channels=16, depth=1, stacks=2), Heatmap(), skeleton)
    for value in made.model.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.randn(value.shape).half())
    return made


def test_nothing_shared_is_refused(source):
    with pytest.raises(UsageError, match="shares no tensor"):
        start_from(network(channels=72), source[0])


def test_weights_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(WeightsError):
        start_from(network(), str(tmp_path / "nothing.safetensors"))


def test_an_unknown_part_is_answered_with_the_parts_there_are():
    with pytest.raises(UsageError, match=PARTS):
        freeze(network().model, ("stem", "wings"))


def test_nothing_left_to_train_is_refused():
    with pytest.raises(UsageError, match="nothing"):
        freeze(network().model, PARTS.split(", "))


def test_frozen_parts_do_not_change_in_training():
    mine = network()
    before = state(mine)
    mine.model.train()
    freeze(mine.model, ("stem", "features"))
    optimiser = torch.optim.SGD([p for p in mine.model.parameters() if p.requires_grad], lr=0.01)
    for _ in range(2):
        mine(torch.randn(2, 3, 32, 32)).square().mean().backward()
        optimiser.step()
    after = state(mine)
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"hourglasses", "heads", "merge_features", "merge_heatmaps"}
    statistics = [key for key in before if key.startswith("hourglasses") and key.endswith("running_mean")]
    assert all(not torch.equal(before[key], after[key]) for key in statistics)
    assert not any(module.training for module in mine.model.stem.modules() if isinstance(module, nn.BatchNorm2d))


VECTORS = {"rle": 5, "coordinates": 3, "coordinates of the document": 2}


@pytest.mark.parametrize("codec", VECTORS)
def test_the_head_of_a_vector_is_copied_by_keypoint(tmp_path, codec):
    """All numbers of a keypoint go together."""
    theirs = tiny("deeppose", codec, LSP, seed=1)
    nn.init.normal_(theirs.model.head.bias)
    save_weights(tmp_path / "w.safetensors", theirs, {})
    mine = tiny("deeppose", codec, COCO, seed=2)
    fresh = state(mine)
    copied = start_from(mine, str(tmp_path / "w.safetensors"))
    assert copied.by_keypoint == ["head.weight", "head.bias"]
    count = VECTORS[codec]
    for key in copied.by_keypoint:
        for k, name in enumerate(COCO.keypoints):
            rows = mine.model.state_dict()[key][count * k : count * (k + 1)]
            place = LSP.index(name) * count if name in SHARED else count * k
            source = theirs.model.state_dict()[key].half().float() if name in SHARED else fresh[key]
            assert torch.equal(rows, source[place : place + count]), (key, name)


@pytest.mark.parametrize(("model", "before", "after"), [("deeppose", "rle", "coordinates"), ("unet", "heatmap", "soft_argmax")])
def test_another_codec_gets_a_new_head(tmp_path, model, before, after):
    save_weights(tmp_path / "w.safetensors", tiny(model, before, seed=1), {})
    mine = tiny(model, after, seed=2)
    fresh = state(mine)
    copied = start_from(mine, str(tmp_path / "w.safetensors"))
    assert not copied.by_keypoint
    assert torch.equal(mine.model.head.weight, fresh["head.weight"])
    assert "a new head" in copied.lines()[0]
