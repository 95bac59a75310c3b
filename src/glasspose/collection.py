"""A collection of pictures too large for one machine: shards of it go to workers that hold the network, and come back as Parquet files.

Every shard is one file `part-000012.parquet`, written whole or not at all by the process that was called, so a run that ended early goes on
with the shards that are missing, and no picture is answered twice. Pictures are read where the workers are: all machines see the same paths.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from glasspose.calibration import Calibration, calibration_from_card
from glasspose.checkpoint import load_weights
from glasspose.errors import MissingError, UsageError
from glasspose.files import clear_remains, write_atomically
from glasspose.network import PoseNetwork
from glasspose.prediction import Predictor, default_weights
from glasspose.sources import open_source, picture_frames
from glasspose.spreading import HERE, Machines, spread
from glasspose.streaming import Answer, answers, where

SHARD = 256
"""Pictures in a file: what is done again where a machine dies."""
PLAN = "collection.json"


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of a collection."""

    pictures: int
    people: int
    failed: Sequence[tuple[str, str]]
    """(file, what is wrong with it) of the pictures that could not be read."""
    found_done: int
    """Shards that an earlier run had left."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """What every shard is asked in the same way. Travels to the workers."""

    network: PoseNetwork
    calibration: Calibration
    device: str
    flip_test: bool
    batch: int
    people: str | None
    boxes: str | None
    download: bool


def predict_collection(
    source: str | Path,
    weights: str | Path | None = None,
    *,
    out: Path,
    machines: Machines = HERE,
    shard: int = SHARD,
    boxes: str | Path | None = None,
    people: str | None = None,
    recursive: bool = False,
    flip_test: bool = True,
    device: str = "auto",
    batch: int = 16,
    download: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Done:
    """The poses of every picture of a folder or a pattern, as Parquet files in `out`: one row a picture.

    Every worker fetches the weights of `people` where it has none and only where `download`.
    Goes on where an earlier run with the same question ended. UsageError where `out` holds the answers to another question, MissingError
    without Ray or pyarrow.
    """
    _pyarrow()
    opened = open_source(source, recursive=recursive)
    if opened.fps is not None:
        raise UsageError("a video or a camera is not a collection of pictures", "Leave --ray out")
    if shard < 1:
        raise UsageError(f"shards of {shard} pictures", "Use --shard 1 or more")
    origins = [frame.origin for frame in opened.frames]
    network, card = load_weights(weights or default_weights())
    asked = Asked(
        network=network,
        calibration=calibration_from_card(card, len(network.skeleton)),
        device=device,
        flip_test=flip_test,
        batch=batch,
        people=people,
        boxes=None if boxes is None else str(Path(boxes).absolute()),
        download=download,
    )
    shards = [origins[start : start + shard] for start in range(0, len(origins), shard)]
    _agree(out, _plan(origins, asked, str(card["sha256"]), shard))
    missing = [number for number in range(len(shards)) if not _part(out, number).exists()]
    done = sum(len(own) for own in shards) - sum(len(shards[number]) for number in missing)
    progress(done, len(origins))
    for place, content in spread(_Answering, (asked,), [shards[number] for number in missing], machines):
        write_atomically(_part(out, missing[place]), content)
        done += len(shards[missing[place]])
        progress(done, len(origins))
    clear_remains(out)
    return _told(out, len(shards), len(shards) - len(missing))


class _Answering:
    """A worker: the network, and shards of file names to Parquet."""

    def __init__(self, asked: Asked) -> None:
        how: dict[str, Any] = {"device": asked.device, "flip_test": asked.flip_test, "batch": asked.batch}
        self._predictor = Predictor(asked.network, asked.calibration, **how)
        self._people = where(asked.boxes, asked.people, self._predictor, download=asked.download)

    def __call__(self, origins: Sequence[str]) -> bytes:
        return _parquet([_row(answer) for answer in answers(self._predictor, picture_frames(origins), self._people)])


def _row(answer: Answer) -> dict[str, Any]:
    """One picture."""
    if answer.poses is None:
        return {"image": answer.frame.origin, "width": None, "height": None, "people": [], "problem": str(answer.problem)}
    told = answer.poses.to_json(answer.frame.origin)
    people = [person | {"keypoints": [{"name": name} | own for name, own in person["keypoints"].items()]} for person in told["people"]]
    return {"image": told["image"], "width": told["width"], "height": told["height"], "people": people, "problem": None}


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    pa, parquet = _pyarrow()
    numbers = [(name, pa.float32()) for name in ("x", "y", "score", "probability", "radius")]
    keypoint = pa.struct([("name", pa.string()), *numbers, ("seen", pa.bool_())])
    person = pa.struct([("score", pa.float32()), ("box", pa.list_(pa.float32())), ("keypoints", pa.list_(keypoint))])
    sizes = [("width", pa.int32()), ("height", pa.int32())]
    schema = pa.schema([("image", pa.string()), *sizes, ("people", pa.list_(person)), ("problem", pa.string())])
    buffer = BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    return buffer.getvalue()


def _told(out: Path, shards: int, found_done: int) -> Done:
    """Counted from the files."""
    _, parquet = _pyarrow()
    pictures, people, failed = 0, 0, []
    for number in range(shards):
        table = parquet.read_table(_part(out, number), columns=["image", "people", "problem"])
        pictures += len(table)
        people += sum(len(own) for own in table.column("people").to_pylist())
        pairs = zip(table.column("image").to_pylist(), table.column("problem").to_pylist(), strict=True)
        failed += [(image, problem) for image, problem in pairs if problem is not None]
    return Done(pictures=pictures, people=people, failed=failed, found_done=found_done)


def _part(out: Path, number: int) -> Path:
    return out / f"part-{number:06d}.parquet"


def _plan(origins: Sequence[str], asked: Asked, sha256: str, shard: int) -> dict[str, Any]:
    """The question, so that its answers are not mixed with those to another."""
    listed = hashlib.sha256("\0".join(origins).encode(errors="surrogateescape")).hexdigest()
    how = {"weights": sha256, "flip_test": asked.flip_test, "people": asked.people, "boxes": asked.boxes}
    return {"format": "glasspose.collection", "version": 1, "pictures": len(origins), "listed": listed, "shard": shard, **how}


def _agree(out: Path, plan: dict[str, Any]) -> None:
    path = out / PLAN
    if not path.exists():
        write_atomically(path, (json.dumps(plan, indent=1) + "\n").encode())
        return
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        known = None
    if known != plan:
        changed = ", ".join(key for key in plan if known.get(key) != plan[key]) if isinstance(known, dict) else "everything"
        raise UsageError(f"{out} holds the answers to another question: {changed} differs", "Name another folder with --out")


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingError("Parquet files need pyarrow", "pip install 'glasspose[ray]'") from None
    return pyarrow, pyarrow.parquet
