"""Messages between the service and its workers over a socket: JSON and lumps of bytes, nothing that could be executed.

Four bytes with the length of the JSON, the JSON with the lengths of the lumps, the lumps.
"""

import asyncio
import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

Message = dict[str, Any]
_LENGTH = struct.Struct(">I")
_MOST = 64 * 2**20
"""Of the JSON. Lumps are pictures that were held against the limits before."""


def packed(message: Message, lumps: Sequence[bytes] = ()) -> list[bytes]:
    """The parts to be written, in order."""
    text = json.dumps({"message": message, "lumps": [len(lump) for lump in lumps]}).encode()
    return [_LENGTH.pack(len(text)), text, *lumps]


def read(exactly: Callable[[int], bytes]) -> tuple[Message, list[bytes]]:
    """The next message. EOFError where the other side is gone."""
    (length,) = _LENGTH.unpack(_checked(exactly(_LENGTH.size), _LENGTH.size))
    told = json.loads(_checked(exactly(_within(length)), length))
    return told["message"], [_checked(exactly(size), size) for size in told["lumps"]]


async def read_async(stream: asyncio.StreamReader) -> tuple[Message, list[bytes]]:
    """The same for asyncio. EOFError (of asyncio: IncompleteReadError) where the other side is gone."""
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    told = json.loads(await stream.readexactly(_within(length)))
    return told["message"], [await stream.readexactly(size) for size in told["lumps"]]


def _within(length: int) -> int:
    if length > _MOST:
        raise EOFError
    return length


def _checked(data: bytes, wanted: int) -> bytes:
    if len(data) < wanted:
        raise EOFError
    return data
