"""The detectors of Hugging Face transformers, from a repository of its hub or a folder."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from glasspose.errors import InputError, MissingError, WeightsError
from glasspose.people.boxes import PersonBoxes, sift
from glasspose.people.devices import torch_device
from glasspose.people.packages import optional
from glasspose.structures import Image

FILES = "config.json, preprocessor_config.json and model.safetensors"


def open_transformers(name: str, device: str, threshold: float, download: bool = False) -> Callable[[Image], PersonBoxes]:
    """Any model for object detection that names a class "person", or has one class only. No code of the repository runs, no pickle is read.

    A repository is taken from this machine's cache; the hub is asked only where `download`.
    """
    place = torch_device(device)
    if not Path(name).is_dir() and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise InputError(f"{name} is no folder, and no name on the hub", f"Name a folder that holds {FILES}")
    processor, network = _opened(optional("transformers"), name, download)
    person = _person_label(network.config.id2label, name)
    network = network.eval().to(place)

    def detect(image: Image) -> PersonBoxes:
        inputs = processor(images=image, return_tensors="pt", input_data_format="channels_last").to(place)
        with torch.inference_mode():
            raw = network(**inputs)
        answer = processor.post_process_object_detection(raw, threshold=threshold, target_sizes=[image.shape[:2]])[0]
        people = (answer["labels"] == person).cpu().numpy()
        boxes, scores = answer["boxes"].cpu().numpy()[people], answer["scores"].cpu().numpy()[people]
        return sift(np.asarray(boxes), np.asarray(scores), size=image.shape[:2], threshold=threshold)

    return detect


def _opened(transformers: Any, name: str, download: bool) -> tuple[Any, Any]:
    """The image processor and the network, with every one of its weights found in the file."""
    local = Path(name).is_dir()
    options = {"local_files_only": local or not download, "trust_remote_code": False}
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(name, **options)
        network, loading = transformers.AutoModelForObjectDetection.from_pretrained(
            name, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **options
        )
    except ImportError as problem:
        raise MissingError(f"{name} needs a package that is not here: {_one_line(problem)}", "Install it") from None
    except Exception as problem:  # configurations and files of others fail in as many ways as they can be wrong
        if local:
            raise WeightsError(f"{name} holds no detector for transformers: {_one_line(problem)}", f"It needs {FILES}") from None
        if not download:
            remedy = f"Add --download (in Python download=True), or name a folder that holds {FILES}"
            raise MissingError(f"{name} is not on this machine, or not whole", remedy) from None
        raise MissingError(f"{name} cannot be had from the hub: {_one_line(problem)}", f"Name a folder that holds {FILES}") from None
    lacking = sorted([*loading["missing_keys"], *(str(key) for key in loading["mismatched_keys"])])
    if lacking:
        raise WeightsError(f"{name} lacks {len(lacking)} weights of its network, {lacking[0]} first", "Save it again with save_pretrained")
    return processor, network


def _person_label(names: Mapping[int, str], source: str) -> int:
    people = [label for label, name in names.items() if name.lower() == "person" or len(names) == 1]
    if not people:
        raise WeightsError(f"{source} names no class `person`", "Name a detector of people, for example one trained on COCO")
    return people[0]


def _one_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return f"{type(problem).__name__}, {lines[0][:200]}" if lines else type(problem).__name__
