import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from glasspose.errors import InputError, MissingError, UsageError, WeightsError
from glasspose.people import open_detector

torchvision = pytest.importorskip("torchvision")
SMALL = "ssdlite320_mobilenet_v3_large"
IMAGE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def built(builder=SMALL, **options):
    torch.manual_seed(0)
    return torchvision.models.get_model(builder, weights=None, weights_backbone=None, **options).eval()


@pytest.fixture(scope="module")
def network():
    return built(num_classes=2)


@pytest.fixture(scope="module", params=[".pth", ".safetensors"])
def weights(request, network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / f"own{request.param}"
    torch.save(network.state_dict(), path) if request.param == ".pth" else save_file(network.state_dict(), path)
    return path


def test_a_file_of_weights_gives_the_detections_of_the_network_itself(network, weights):
    with torch.inference_mode():
        raw = network([torch.from_numpy(IMAGE).permute(2, 0, 1) / 255])[0]
    found = open_detector(f"torchvision:{SMALL}@{weights}", threshold=0.0)(IMAGE)
    sides = (raw["boxes"][:, 2:] - raw["boxes"][:, :2]).amin(1)
    people = (raw["labels"] == 1) & (sides >= 1)
    assert people.sum() > 5
    assert np.allclose(found.boxes, raw["boxes"][people].numpy(), atol=1e-3)
    assert np.allclose(found.scores, raw["scores"][people].numpy(), atol=1e-6)


def test_the_threshold_leaves_out_who_is_unsure(weights):
    assert len(open_detector(f"torchvision:{SMALL}@{weights}", threshold=1.0)(IMAGE)) == 0


def test_the_image_is_not_changed_and_may_be_read_only(weights):
    image = IMAGE.copy()
    image.setflags(write=False)
    open_detector(f"torchvision:{SMALL}@{weights}")(image)
    assert (image == IMAGE).all()


def pickled_call():
    class Payload:
        def __reduce__(self):
            return (print, ("executed",))

    return Payload()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda path: path.write_bytes(b"junk"), "is no file of weights"),
        (lambda path: path.write_bytes(b""), "is no file of weights"),
        (lambda path: torch.save(pickled_call(), path), "is no file of weights"),
        (lambda path: torch.save({"epoch": 3}, path), "holds more than named tensors"),
        (lambda path: torch.save({"a": torch.tensor([1.0, np.nan])}, path), "not finite"),
        (lambda path: torch.save({"a": torch.zeros(2)}, path), f"does not hold a {SMALL} of 91 or 2 classes"),
    ],
)
def test_a_file_that_is_not_the_network_is_refused_in_one_line(tmp_path, capsys, content, says):
    path = tmp_path / "bad.pth"
    content(path)
    with pytest.raises(WeightsError, match=says) as refused:
        open_detector(f"torchvision:{SMALL}@{path}")
    assert "\n" not in str(refused.value)
    assert "executed" not in capsys.readouterr().out


def test_a_damaged_safetensors_file_is_refused(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(WeightsError, match="is no file of weights"):
        open_detector(f"torchvision:{SMALL}@{tmp_path / 'bad.safetensors'}")


def test_names_that_lead_nowhere_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no detector 'yolo'.*ssdlite320"):
        open_detector("torchvision:yolo")
    with pytest.raises(InputError, match="is not there"):
        open_detector(f"torchvision:{SMALL}@{tmp_path / 'nowhere.pth'}")


@pytest.mark.parametrize(("failure", "error"), [(OSError, MissingError), (RuntimeError, WeightsError)])
def test_published_weights_that_cannot_be_had_are_a_matter_of_one_line(monkeypatch, failure, error):
    def fail(*arguments, **options):
        raise failure("no route to host")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(error, match=rf"https://.*torchvision:{SMALL}@FILE"):
        open_detector(f"torchvision:{SMALL}", download=True)


def check_published(monkeypatch, builder):
    """Torchvision's own construction with its published weights, of made-up numbers, is the oracle."""
    seen, opened = [], []
    state = {}

    def load(url, *arguments, **options):
        seen.append(options)
        return state

    from glasspose.people import torchvision_detector

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", load)
    monkeypatch.setattr(torchvision_detector.nn.Module, "to", lambda self, place: opened.append(self) or self)
    frozen = [] if builder.endswith("v2") or builder.startswith("ssd") else ["num_batches_tracked"]
    count = len(torchvision.models.get_model_weights(builder).DEFAULT.meta["categories"])
    state.update({k: v for k, v in built(builder, num_classes=count).state_dict().items() if not k.endswith(tuple(frozen))})
    open_detector(f"torchvision:{builder}", download=True)
    theirs, ours = torchvision.models.get_model(builder, weights="DEFAULT").eval(), opened[0]
    assert seen[0]["weights_only"] is True
    assert seen[0]["check_hash"] is True
    assert eps(ours) == eps(theirs)
    assert all(torch.equal(value, ours.state_dict()[key]) for key, value in theirs.state_dict().items())


def eps(network):
    kinds = (nn.BatchNorm2d, torchvision.ops.FrozenBatchNorm2d)
    return [(name, module.eps) for name, module in network.named_modules() if isinstance(module, kinds)]


@pytest.mark.parametrize("builder", [SMALL, "fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_resnet50_fpn"])
def test_published_weights_make_the_network_that_torchvision_makes(monkeypatch, builder):
    check_published(monkeypatch, builder)


@pytest.mark.slow
@pytest.mark.parametrize("builder", torchvision.models.list_models(module=torchvision.models.detection))
def test_every_builder_makes_the_network_that_torchvision_makes(monkeypatch, builder):
    check_published(monkeypatch, builder)
