"""The detectors of torchvision, with its published COCO weights or a file of one's own."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from glasspose.errors import InputError, MissingError, UsageError, WeightsError
from glasspose.people.boxes import PersonBoxes, sift
from glasspose.people.devices import torch_device
from glasspose.people.packages import optional
from glasspose.structures import Image

PERSON = 1
"""The label of people: after the background, in COCO's 91 classes as in a network that knows only people."""
CLASS_COUNTS = (91, 2)
WITHOUT_EPS = ("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn", "keypointrcnn_resnet50_fpn", "retinanet_resnet50_fpn")
"""Published with frozen normalisation that adds nothing to variances; so was what was fine-tuned from them."""


def open_torchvision(builder: str, weights: Path | None, device: str, threshold: float, download: bool = False) -> Callable[[Image], PersonBoxes]:
    """A detector of `torchvision.models.detection` by its builder's name; without a weight file the published one.

    It is taken from torch's cache, and fetched into that only where `download`.
    """
    place = torch_device(device)
    models = optional("torchvision.models")
    known = models.list_models(module=models.detection)
    if builder not in known:
        raise UsageError(f"torchvision has no detector {builder!r}", f"It has {', '.join(known)}")
    state = _published(models, builder, download) if weights is None else _from_file(weights)
    network = _network(models, builder, state, weights or Path(builder)).eval().to(place)

    def detect(image: Image) -> PersonBoxes:
        pixels = torch.tensor(image, device=place).permute(2, 0, 1) / 255.0
        with torch.inference_mode():
            answer = network([pixels])[0]
        found = {key: answer[key].cpu().numpy() for key in ("boxes", "scores", "labels")}
        people = found["labels"] == PERSON
        return sift(found["boxes"][people], found["scores"][people], size=image.shape[:2], threshold=threshold)

    return detect


def _network(models: Any, builder: str, state: Mapping[str, Tensor], source: Path) -> nn.Module:
    problem = ""
    for count in CLASS_COUNTS:
        network: nn.Module = models.get_model(builder, weights=None, weights_backbone=None, num_classes=count)
        try:
            network.load_state_dict(state)
        except RuntimeError as mismatch:
            problem = problem or str(mismatch).splitlines()[-1].strip()[:150]
            continue
        if builder in WITHOUT_EPS and not any(key.endswith("num_batches_tracked") for key in state):  # frozen normalisation counts none
            _drop_eps(network)
        return network
    raise WeightsError(f"{source} does not hold a {builder} of {' or '.join(map(str, CLASS_COUNTS))} classes: {problem}", "Name its own builder")


def _drop_eps(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0


def _published(models: Any, builder: str, download: bool) -> Mapping[str, Tensor]:
    """Torchvision's own weights from its cache or, where `download`, the network; never unpickled beyond tensors."""
    weights = models.get_model_weights(builder).DEFAULT
    remedy = f"Fetch {weights.url} elsewhere and name torchvision:{builder}@FILE"
    kept = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(weights.url).path).name
    if not download and not kept.is_file():
        raise MissingError(f"the weights of {builder} are not on this machine", f"Add --download (in Python download=True). {remedy}")
    try:
        state: Mapping[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except OSError as problem:
        raise MissingError(f"the weights of {builder} cannot be fetched ({type(problem).__name__})", remedy) from None
    except Exception as problem:
        raise WeightsError(f"the fetched weights of {builder} are damaged ({type(problem).__name__})", remedy) from None
    return state


def _from_file(path: Path) -> Mapping[str, Tensor]:
    """A dictionary of tensors from `.safetensors`, or from a `.pth` that holds nothing else."""
    if not path.is_file():
        raise InputError(f"{path} is not there", "Name a file of weights after the @")
    remedy = "Save it with safetensors, or torch.save(network.state_dict(), FILE)"
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # the restricted unpickler fails in as many ways as a file can be wrong
        raise WeightsError(f"{path} is no file of weights ({type(problem).__name__})", remedy) from None
    if not isinstance(state, Mapping) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise WeightsError(f"{path} holds more than named tensors", remedy)
    if not all(bool(torch.isfinite(v).all()) for v in state.values()):
        raise WeightsError(f"{path} holds numbers that are not finite", "Train or fetch it again")
    return state
