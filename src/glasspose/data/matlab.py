"""MATLAB's level 5 files, as far as annotation files need them: numbers, texts, cells and structs, read bit by bit as they are asked for.

scipy reads these files too, but a damaged one makes it crash the process (1.17.1: an element of an unknown type). Here damage is a
ValueError, a KeyError or another of `DAMAGE`.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

DAMAGE = (ValueError, KeyError, IndexError, TypeError, OverflowError, StopIteration, struct.error, zlib.error)
"""Whatever reading a damaged file may raise."""

MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
"""Element types that hold numbers. Texts come as these, or as UTF-8 and UTF-16."""
UTF8, UTF16 = 16, 17
CELL, STRUCT, TEXT = 1, 2, 4
"""Array classes that are not numbers."""

UNPACKED = 1 << 29
"""Bytes that a compressed variable may become."""

Element = tuple[int, memoryview]
"""Type and content."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Structs:
    """An array of structs, whose fields are decoded when they are asked for."""

    fields: dict[str, int]
    cells: list[Element]

    def __len__(self) -> int:
        return len(self.cells) // max(len(self.fields), 1)

    def get(self, place: int, field: str) -> "Value | None":
        """A field of one of the structs; None where it does not exist or is an empty array of numbers."""
        if field not in self.fields:
            return None
        value = decoded(self.cells[place * len(self.fields) + self.fields[field]])
        return None if isinstance(value, np.ndarray) and value.size == 0 else value

    def number(self, place: int, field: str) -> float | None:
        """A field that is one number, or one written as a text."""
        value = self.get(place, field)
        if value is None or value == "":
            return None
        return float(value) if isinstance(value, str) else float(np.asarray(_numbers(value)).ravel()[0])

    def inner(self, place: int, field: str) -> "Structs | None":
        """A field that is structs again."""
        value = self.get(place, field)
        return value if isinstance(value, Structs) else None


Value = np.ndarray | str | Structs | list[Element]
"""Numbers, a text, structs, or the undecoded cells of a cell array."""


def variable(file: bytes, name: bytes) -> Value:
    """One variable by its name. KeyError where there is none."""
    if file[126:128] != b"IM":
        raise ValueError("not a level 5 file")
    for kind, payload in _elements(memoryview(file)[128:]):
        if kind == COMPRESSED:
            unpacked = zlib.decompressobj().decompress(payload, UNPACKED)
            kind, payload = next(_elements(memoryview(unpacked)), (0, memoryview(b"")))
        if kind == MATRIX and bytes(_header(payload)[2]) == name:
            return decoded((kind, payload))
    raise KeyError(name)


def decoded(element: Element) -> Value:
    """One array, its own elements not yet decoded."""
    if element[0] != MATRIX or not len(element[1]):
        return np.zeros(0)
    kind, shape, _, parts = _header(element[1])
    if kind == STRUCT:
        return _structs(prod(shape), parts)
    if kind == CELL:
        return list(parts)
    if kind == TEXT:
        return _text(*next(parts, (2, memoryview(b""))))
    values = next(parts)
    return np.frombuffer(values[1], NUMBERS[values[0]]).reshape(shape, order="F")


def _header(payload: memoryview) -> tuple[int, tuple[int, ...], memoryview, Iterator[Element]]:
    """Class, shape and name of an array, and the elements that follow."""
    parts = _elements(payload)
    flags, shape, name = (next(parts, (0, memoryview(b"")))[1] for _ in range(3))
    sides = np.frombuffer(shape, "<i4").tolist()
    if len(flags) < 4 or not sides or min(sides) < 0:
        raise ValueError("an array without class or shape")
    return flags[0], tuple(sides), name, parts


def _structs(count: int, parts: Iterator[Element]) -> Structs:
    width = int(np.frombuffer(next(parts)[1], "<i4")[0])
    names = bytes(next(parts)[1])
    if width < 1:
        raise ValueError("field names without a length")
    fields = [names[i : i + width].split(b"\0")[0].decode("latin-1") for i in range(0, len(names), width)]
    cells = list(parts)
    if len(cells) != count * len(fields):
        raise ValueError(f"{len(cells)} fields for {count} structs")
    return Structs(fields={name: place for place, name in enumerate(fields)}, cells=cells)


def _text(kind: int, content: memoryview) -> str:
    if kind in (UTF8, UTF16):
        return bytes(content).decode("utf-8" if kind == UTF8 else "utf-16-le", "replace")
    letters = np.frombuffer(content, NUMBERS[kind]).tolist()
    return "".join(chr(letter) for letter in letters if 0 <= letter < 0x110000)


def _numbers(value: "Value") -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise ValueError("not a number")  # noqa: TRY004 - damage of the file
    return value


def _elements(data: memoryview) -> Iterator[Element]:
    """Type and content of the elements in a row. Up to four bytes are packed into the tag itself, with the size in its upper half."""
    offset = 0
    while offset < len(data):
        kind, size = struct.unpack_from("<II", data, offset)
        start = offset + 8
        if kind >> 16:
            kind, size, start = kind & 0xFFFF, min(kind >> 16, 4), offset + 4
        if start + size > len(data):
            raise ValueError("cut off")
        yield kind, data[start : start + size]
        offset = start + size if kind == COMPRESSED else offset + 8 + (-(-size // 8) * 8 if start == offset + 8 else 0)
