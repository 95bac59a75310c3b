"""A detector in an ONNX file, described by a JSON file of the same name beside it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float

from glasspose.errors import InputError, MissingError, UsageError, WeightsError
from glasspose.people.boxes import PersonBoxes, sift
from glasspose.people.packages import optional
from glasspose.people.sidecar import Input, Part, Sidecar, read_sidecar
from glasspose.structures import Image

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


def open_onnx(path: Path, device: str, threshold: float | None) -> Callable[[Image], PersonBoxes]:
    """The detector of FILE.onnx as FILE.json describes it."""
    sidecar = read_sidecar(path.with_suffix(".json"))
    session = _session(path, device)
    kind = _input_type(session, sidecar, path)
    lowest = sidecar.threshold if threshold is None else threshold

    def detect(image: Image) -> PersonBoxes:
        tensor, to_image = _prepare(image, sidecar.input)
        names = [output.name for output in session.get_outputs()]
        try:
            outputs = dict(zip(names, session.run(None, {sidecar.input.name: tensor.astype(kind)}), strict=True))
        except Exception as problem:  # the runtime's own errors share no public class
            raise WeightsError(f"{path} fails on an image ({type(problem).__name__})", "Check the sidecar's input and the file") from None
        boxes, scores = _people(outputs, sidecar, path)
        return sift(boxes * to_image[:4] + to_image[4:], scores, size=image.shape[:2], threshold=lowest, overlap=sidecar.overlap)

    return detect


def _prepare(image: Image, want: Input) -> tuple[Float[np.ndarray, "1 a b c"], Float[np.ndarray, " 8"]]:
    """The network's input, and the factors then offsets that take corners in it to corners in the image."""
    (height, width), (tall, wide) = image.shape[:2], want.size
    zoom = min(tall / height, wide / width)
    inner = want.size if want.fit == "stretch" else (max(round(height * zoom), 1), max(round(width * zoom), 1))
    top, left = ((tall - inner[0]) // 2, (wide - inner[1]) // 2) if want.fit == "letterbox" else (0, 0)
    canvas = np.full((tall, wide, 3), want.padding, np.uint8)
    canvas[top : top + inner[0], left : left + inner[1]] = cv2.resize(image, (inner[1], inner[0]), interpolation=cv2.INTER_LINEAR)
    pixels = canvas[..., ::-1] if want.channels == "BGR" else canvas
    mean, std = np.array(want.mean, np.float32), np.array(want.std, np.float32)
    values = (pixels.astype(np.float32) * np.float32(want.scale) - mean) / std
    factors = np.array([width / inner[1], height / inner[0]] * 2)
    tensor = values.transpose(2, 0, 1)[None] if want.layout == "NCHW" else values[None]
    return tensor, np.concatenate([factors, -factors * [left, top, left, top]])


def _people(outputs: Mapping[str, Any], sidecar: Sidecar, path: Path) -> tuple[Float[np.ndarray, "N 4"], Float[np.ndarray, " N"]]:
    """Corners in input pixels and scores of what is labelled a person."""
    boxes = _table(outputs, sidecar.boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise WeightsError(f"{path}: boxes of shape {boxes.shape}, expected (N, 4)", "Check `columns` and `transposed` in the sidecar")
    scores = _column(_table(outputs, sidecar.scores), len(boxes), sidecar.person_class, f"{path}: scores")
    if scores.size and not (scores.min() >= 0 and scores.max() <= 1):
        raise WeightsError(f"{path}: scores from {scores.min():.3g} to {scores.max():.3g}", "The network must end in probabilities, 0 to 1")
    people: Bool[np.ndarray, " N"] = np.ones(len(boxes), bool)
    if sidecar.labels is not None:
        people = _column(_table(outputs, sidecar.labels), len(boxes), 0, f"{path}: labels") == sidecar.person_class
    return _corners(boxes[people], sidecar), scores[people]


def _corners(boxes: Float[np.ndarray, "N 4"], sidecar: Sidecar) -> Float[np.ndarray, "N 4"]:
    height, width = sidecar.input.size
    first, second = boxes[:, :2], boxes[:, 2:]
    if sidecar.boxes.form == "cxcywh":
        first = first - second / 2
    if sidecar.boxes.form != "xyxy":
        second = first + second
    corners = np.concatenate([first, second], axis=1)
    return corners * [width, height, width, height] if sidecar.boxes.unit == "fractions" else corners


def _table(outputs: Mapping[str, Any], part: Part) -> np.ndarray:
    """An output without its batch axis, one row a box."""
    array = np.asarray(outputs[part.output], np.float64)
    if array.ndim == 3 and len(array) == 1:
        array = array[0]
    if part.transposed:
        array = array.T
    return array if part.columns is None else array[..., slice(*part.columns)]


def _column(table: np.ndarray, count: int, chosen: int, what: str) -> Float[np.ndarray, " N"]:
    """One number a box, from a table of shape (N), (1, N), (N, 1) or (N, classes)."""
    if table.shape == (1, count):
        table = table[0]
    if table.ndim == 2 and len(table) == count:
        table = table[:, 0] if table.shape[1] == 1 else table[:, chosen : chosen + 1].ravel()
    if table.shape != (count,):
        raise WeightsError(f"{what} of shape {table.shape} for {count} boxes", "Check `columns`, `transposed` and `person_class` in the sidecar")
    return table


def _session(path: Path, device: str) -> Any:
    runtime = optional("onnxruntime")
    kind, _, number = device.partition(":")
    if kind not in PROVIDERS or not (number or "0").isdecimal():
        raise UsageError(f"an ONNX detector does not run on {device!r}", "Use cpu, cuda or cuda:1")
    provider, options = PROVIDERS[kind], {} if kind == "cpu" else {"device_id": number or "0"}
    if not path.is_file():
        raise InputError(f"{path} is not there", "Name an ONNX file")
    absent = MissingError(f"the installed onnxruntime does not run on {device}", "pip install onnxruntime-gpu, or use cpu")
    if provider not in runtime.get_available_providers():
        raise absent
    try:
        session = runtime.InferenceSession(path, providers=[(provider, options)])
    except Exception as problem:  # the runtime's own errors share no public class
        raise WeightsError(f"{path} is no usable ONNX file ({type(problem).__name__})", "Export it again") from None
    if provider not in session.get_providers():  # the runtime falls back to the CPU with no more than a warning
        raise absent
    return session


def _input_type(session: Any, sidecar: Sidecar, path: Path) -> Any:
    """The number type of the input. WeightsError where names, shape or type of the file are not those of the sidecar."""
    inputs = session.get_inputs()
    named = {output.name for output in session.get_outputs()}
    wanted = {part.output for part in (sidecar.boxes, sidecar.scores, sidecar.labels) if part is not None}
    height, width = sidecar.input.size
    shape = (1, 3, height, width) if sidecar.input.layout == "NCHW" else (1, height, width, 3)
    remedy = f"Correct {path.with_suffix('.json').name}"
    if [i.name for i in inputs] != [sidecar.input.name]:
        raise WeightsError(f"{path} takes {', '.join(i.name for i in inputs)}, not only {sidecar.input.name}", remedy)
    if wanted - named:
        raise WeightsError(f"{path} gives {', '.join(sorted(named))}, not {', '.join(sorted(wanted - named))}", remedy)
    if len(inputs[0].shape) != 4 or any(isinstance(has, int) and has != want for has, want in zip(inputs[0].shape, shape, strict=True)):
        raise WeightsError(f"{path} takes shape {inputs[0].shape}, not {list(shape)}", remedy)
    if inputs[0].type not in TYPES:
        raise WeightsError(f"{path} takes {inputs[0].type}", f"Export it with one of {', '.join(TYPES)}")
    return TYPES[inputs[0].type]
