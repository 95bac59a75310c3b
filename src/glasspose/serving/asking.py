"""What a client asks, out of a request: one picture, boxes, options. Everything is bounded, and nothing names a path or an address."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from glasspose.serving.problems import Problem, too_large

BOXES = 32
"""People in one picture."""
FIELDS = 8
FIELD_BYTES = 4096
FARTHEST = 1e6
"""Of a box's corners from the picture's, in pixels."""
METHODS = ("occlusion", "gradient_times_input", "smooth_grad")
"""Of explanations; integrated gradients take minutes where they are complete."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A picture and the options beside it."""

    picture: bytes
    options: Mapping[str, str]


class Held:
    """Bytes of all bodies that are in memory."""

    def __init__(self, most: int) -> None:
        self.count, self._most = 0, most

    @contextmanager
    def room(self) -> Iterator[Callable[[int], None]]:
        """A function that adds bytes of one request, which are given back at the end. Problem where all clients together hold too many."""
        own = 0

        def add(count: int) -> None:
            nonlocal own
            if self.count + count > self._most:
                raise Problem(503, "memory", "too many large requests at once; try again later", retry_after=2)
            own += count
            self.count += count

        try:
            yield add
        finally:
            self.count -= own


async def body(request: Request, most: int, add: Callable[[int], None]) -> bytes:
    """The whole body; refused from its announced length where that is more than `most` bytes."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > most:
        raise too_large(most)
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise too_large(most)
            add(len(chunk))
            chunks.append(chunk)
    except ClientDisconnect:
        raise Problem(400, "gone", "the client has gone away") from None
    return b"".join(chunks)


async def asked(request: Request, data: bytes, allowed: tuple[str, ...]) -> Asked:
    """The picture of a raw body or of a form's one file; options from the query, and from the form's fields."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    options = dict(request.query_params)
    if len(options) != len(request.query_params.multi_items()):
        raise Problem(400, "bad-option", "an option is given twice")
    if kind == "multipart/form-data":
        data, fields = await _form(request, data)
        options |= fields
    elif not (kind.startswith("image/") or kind == "application/octet-stream"):
        raise Problem(415, "content-type", "send the picture itself as image/jpeg, image/png and so on, or as the one file of a multipart form")
    for name in options:
        if name not in allowed:
            near = get_close_matches(name, allowed, 1)
            raise Problem(400, "bad-option", f"there is no such option{f'; did you mean {near[0]}?' if near else ''}")
    if not data:
        raise Problem(400, "no-picture", "the body holds no picture")
    return Asked(picture=data, options=options)


async def _form(request: Request, data: bytes) -> tuple[bytes, dict[str, str]]:
    async def whole() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(data), 65_536):
            yield data[start : start + 65_536]
            await asyncio.sleep(0)

    parser = MultiPartParser(request.headers, whole(), max_files=1, max_fields=FIELDS, max_part_size=FIELD_BYTES)
    parser.spool_max_size = len(data) + 1  # never to the disk
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError, LookupError, AssertionError):
        raise Problem(400, "bad-form", f"the form is not one file with at most {FIELDS} short fields") from None
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if len(files) != 1:
        raise Problem(400, "no-picture", "the form holds no file")
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    picture = await files[0].read()
    await form.close()
    return picture, fields


def boxes(text: str | None) -> list[list[float]] | None:
    """x1,y1,x2,y2;x1,... as numbers; None where there are none."""
    if text is None or not text.strip():
        return None
    parts = text.split(";")
    if len(parts) > BOXES:
        raise Problem(400, "bad-boxes", f"more than {BOXES} boxes")
    found = [_numbers(part) for part in parts]
    for box in found:
        if len(box) != 4 or box[2] <= box[0] or box[3] <= box[1]:
            raise Problem(400, "bad-boxes", "boxes are x1,y1,x2,y2;x1,... in pixels, x1 < x2 and y1 < y2")
    return found


def _numbers(part: str) -> list[float]:
    try:
        numbers = [float(word) for word in part.split(",", 4)]
    except ValueError:
        return []
    return numbers if all(math.isfinite(value) and abs(value) <= FARTHEST for value in numbers) else []


def overlay(text: str | None, accept: str) -> str | None:
    """jpeg, png or None."""
    if text in (None, "", "0", "false", "no"):
        return None
    if text in ("1", "true", "yes"):
        return "png" if "image/png" in accept and "image/jpeg" not in accept else "jpeg"
    if text in ("jpeg", "png"):
        return text
    raise Problem(400, "bad-option", "overlay is 1, jpeg or png")


def explanation_order(options: Mapping[str, str], keypoints: list[str]) -> dict[str, Any]:
    """One keypoint, one method, at most one box."""
    name = options.get("keypoint", "")
    if name not in keypoints:
        raise Problem(400, "bad-option", f"keypoint is one of {', '.join(keypoints)}")
    method = options.get("method") or METHODS[0]
    if method not in METHODS:
        raise Problem(400, "bad-option", f"method is one of {', '.join(METHODS)}")
    found = boxes(options.get("box"))
    if found is not None and len(found) != 1:
        raise Problem(400, "bad-boxes", "one box: x1,y1,x2,y2")
    return {"keypoint": name, "method": method, "box": None if found is None else found[0]}
