"""From weights to a proved file: write, run what was written, compare, and only then move it to its place."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasspose.calibration import calibration_from_card
from glasspose.checkpoint import load_weights
from glasspose.configs.data import Data
from glasspose.errors import InputError, UsageError
from glasspose.exporting.cards import card_of, sidecar_text
from glasspose.exporting.formats import FORMATS
from glasspose.exporting.formats.form import Form
from glasspose.exporting.graph import Pipeline
from glasspose.exporting.parity import BOUND, Parity, Runner, measure
from glasspose.exporting.pictures import MOST, Crops, dataset_people, default_crops, folder_crops, people_crops, spread
from glasspose.exporting.validating import Validation, validate
from glasspose.network import PoseNetwork

CALIBRATION = 300
"""People whose crops the ranges of an 8-bit network are fitted on."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export has left."""

    path: Path
    sidecar: Path
    parity: Parity
    validation: Validation | None
    """Where a dataset was given."""


def export(
    weights: str | Path,
    to: str = "onnx",
    out: Path | None = None,
    *,
    flip_test: bool = False,
    int8: bool = False,
    data: Data | None = None,
    calibration_split: str = "train",
    pictures: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Write weights as a file for another runtime (`FORMATS`), with its sidecar `FILE.json`, and prove it.

    The proof is made on the people of `data` or the `pictures` of a folder, else on what is on every machine; with `data`, PCK is measured too.
    `int8` is calibrated on the `calibration_split` of `data`. Default file: glasspose-out/export/NAME with the form's suffix.
    ExportError where the file does not do what PyTorch does, or loses too much: then nothing is left. UsageError, MissingError, WeightsError.
    """
    if to not in FORMATS:
        raise UsageError(f"no form {to!r}", f"Choose among {', '.join(FORMATS)}")
    if int8:
        FORMATS[to].refuse_int8()
        if data is None:
            raise UsageError("8 bits need people to calibrate and to validate on", "Name a dataset with --data.kind and --data.root")
    network, card = load_weights(weights)
    if network.framing.framing == "squash":
        raise UsageError("a network of squashed pictures has no exported form", "Only `predict` and `evaluate` know how to squash a picture")
    target = out or Path("glasspose-out/export") / f"{card['name']}{FORMATS[to].suffix}"
    if target.suffix != FORMATS[to].suffix:
        raise UsageError(f"{target} does not end in {FORMATS[to].suffix}, as files of {to} do", "Name another --out")
    own = card_of(network, card, to=to, flip_test=flip_test, int8=int8)
    seen = calibration_from_card(card, len(network.skeleton)).seen
    crops, told = _crops(network, data, pictures)
    calibration = _calibration(network, data, calibration_split) if int8 else None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
            form = FORMATS[to](Path(folder), target.stem)
            form.write(Pipeline(network, flip_test=flip_test), network.input_size, own, calibration)
            runner = form.runner()
            parity = measure(network, runner, crops, told, seen, flip_test=flip_test, bound=None if int8 else BOUND)
            parity.check()
            validation = None if data is None else _validated(network, runner, data, flip_test, progress)
            return _moved(form, target, own, parity, validation)
    except OSError as problem:
        raise InputError(f"cannot write {target}: {problem.strerror}", "Name another --out") from None


def _crops(network: PoseNetwork, data: Data | None, pictures: Path | None) -> tuple[Crops, str]:
    """What the proof is made on, and how it is called."""
    if pictures is not None:
        crops = folder_crops(pictures, network.input_size)
        return crops, f"{len(crops)} pictures of {pictures.name}"
    if data is not None:
        crops = people_crops(spread(dataset_people(data, network.skeleton), MOST), network.input_size, network.framing)
        return crops, f"{len(crops)} people of {data.kind}/{data.split}"
    crops = default_crops(network.input_size)
    return crops, f"the portrait inside matplotlib, twice, and {len(crops) - 2} drawn people"


def _calibration(network: PoseNetwork, data: Data | None, split: str) -> Crops:
    assert data is not None
    if split == data.split:
        raise UsageError(f"8 bits cannot be calibrated and validated on the same split {split!r}", "Name another with --calibration-split")
    people = dataset_people(data.model_copy(update={"split": split}), network.skeleton)
    return people_crops(spread(people, CALIBRATION), network.input_size, network.framing)


def _validated(network: PoseNetwork, runner: Runner, data: Data, flip_test: bool, progress: Callable[[int, int], None]) -> Validation:
    people = dataset_people(data, network.skeleton)
    found = validate(network, runner, people, f"{data.kind}/{data.split}", flip_test=flip_test, progress=progress)
    found.check()
    return found


def _moved(form: Form, target: Path, card: dict[str, Any], parity: Parity, validation: Validation | None) -> Exported:
    """Every file to its place, the sidecar last: a file whose sidecar is of another is refused when it is opened."""
    told = hashlib.sha256()
    for path in reversed(form.files):
        told.update(path.read_bytes())
    file = {"name": target.name, "sha256": told.hexdigest(), "bytes": sum(path.stat().st_size for path in form.files)}
    proof = parity.to_json() | ({} if validation is None else {"validation": validation.to_json()})
    beside = form.path.with_name(f"{target.name}.json")
    beside.write_text(sidecar_text(card, file, proof), encoding="utf-8")
    for path in (*form.files, beside):
        path.replace(target.with_name(path.name))
    return Exported(path=target, sidecar=target.with_name(beside.name), parity=parity, validation=validation)
