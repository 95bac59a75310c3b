"""Two thousand malformed weight files: each a typed error in less than a second, and memory stays where it was."""

import hashlib
import json
import os
import random
import resource
import struct
import time
from pathlib import Path

import pytest
import torch

from glasspose import checkpoint
from glasspose.checkpoint import load_weights, save_weights
from glasspose.configs.codecs import Heatmap
from glasspose.configs.models import Hourglass
from glasspose.errors import WeightsError
from glasspose.network import PoseNetwork
from glasspose.skeletons import LSP

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = Hourglass(input_size=(32, 32), channels=8, depth=1, stacks=1)
COUNT = 2000


def parts(whole):
    length = struct.unpack("<Q", whole[:8])[0]
    return json.loads(whole[8 : 8 + length]), whole[8 + length :]


def built(header, data, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def changed(chance, header, data):
    """A file whose header says something that is not so; nothing here fits the network."""
    names = list(header)
    name, other = chance.sample(names, 2)
    entry = dict(header[name])
    start, end = entry["data_offsets"]
    kind = chance.choice(HEADERS)
    fields = {
        "overlap": {"data_offsets": [max(start - 2, 0) + (start == 0), end + (start == 0)]},
        "hole": {"data_offsets": [start + 2, end + 2]},
        "backwards": {"data_offsets": [end, start]},
        "beyond": {"data_offsets": [start, len(data) + chance.randint(1, 1 << 40)]},
        "negative": {"data_offsets": [-chance.randint(1, 1 << 60), end]},
        "huge offsets": {"data_offsets": [1 << 63, 1 << 64]},
        "shape": {"shape": [*entry["shape"], chance.randint(2, 9)]},
        "huge shape": {"shape": [chance.randint(1 << 31, 1 << 62), chance.randint(2, 1 << 40)]},
        "negative shape": {"shape": [-1]},
        "no shape": {"shape": None},
        "dtype": {"dtype": chance.choice(["F32", "F64", "I8", "I16", "U16", "BOOL", "C64", "os.system", 5, None])},
        "key": {"more": 1} | {"shape": "x"},
    }
    if kind in fields:
        if kind == "dtype" and entry["dtype"] == fields[kind]["dtype"]:
            kind = "no shape"
        return built({**header, name: {**entry, **fields[kind]}}, data)
    whole = {
        "missing tensor": {key: value for key, value in header.items() if key != name},
        "renamed": {(key + "x" if key == name else key): value for key, value in header.items()},
        "same place": {**header, name: header[other]},
        "metadata": {**header, "__metadata__": {"a": {"b": 1}}},
        "not an entry": {**header, name: chance.choice([1, "x", [], None, {}])},
        "a list": [header],
    }
    if kind in whole:
        return built(whole[kind], data)
    text = json.dumps(header).encode()
    return {
        "twice": lambda: built(text[:-1] + b", " + json.dumps(name).encode() + b": " + json.dumps({**entry, "shape": [1]}).encode() + b"}", data),
        "length": lambda: built(text, data, chance.choice([2**63, 2**64 - 1, 2**40, 100_000_001, 0, 1, len(text) - 1, len(text) + 1, len(text) + 9])),
        "deep": lambda: built(b'{"a":' * 3000 + b"1" + b"}" * 3000, data),
        "no text": lambda: built(bytes(chance.randrange(128, 256) for _ in range(50)), data),
        "no json": lambda: built(text[: chance.randrange(1, len(text))], data),
        "tail": lambda: built(text, data + bytes(chance.randint(1, 99))),
        "short": lambda: built(text, data[: -chance.randint(1, len(data) - 1)]),
        "nothing": lambda: b"",
    }[kind]()


HEADERS = (
    *("overlap", "hole", "backwards", "beyond", "negative", "huge offsets", "shape", "huge shape", "negative shape", "no shape", "dtype", "key"),
    *("missing tensor", "renamed", "same place", "metadata", "not an entry", "a list"),
    *("twice", "length", "deep", "no text", "no json", "tail", "short", "nothing"),
)


def not_finite(chance, header, data):
    name = chance.choice(list(header))
    start, end = header[name]["data_offsets"]
    place = chance.randrange(start, end, 2)
    return built(header, data[:place] + chance.choice([b"\x00\x7c", b"\x00\xfc", b"\x01\x7e", b"\xff\xff"]) + data[place + 2 :])


def malformed(whole):
    """(content, whether its card has the right checksum)."""
    chance = random.Random(7)
    header, data = parts(whole)
    for number in range(200):
        yield whole[: len(whole) * number // 200], number % 2 == 0
    for _ in range(1200):
        yield changed(chance, header, data), True
    for _ in range(200):
        yield not_finite(chance, header, data), True
    for _ in range(COUNT - 1600):
        place = chance.randrange(len(whole))
        yield whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :], False


def test_two_thousand_malformed_weight_files(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "small.safetensors"
    save_weights(path, PoseNetwork(SMALL, Heatmap(), LSP), {})
    whole, card = path.read_bytes(), json.loads(path.with_suffix(".json").read_bytes())
    load_weights(path)
    before, slowest, count = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0.0, 0
    for content, consistent in malformed(whole):
        path.write_bytes(content)
        path.with_suffix(".json").write_text(json.dumps({**card, "sha256": hashlib.sha256(content).hexdigest()} if consistent else card))
        started = time.process_time()
        with pytest.raises(WeightsError) as problem:
            load_weights(path)
        slowest = max(slowest, time.process_time() - started)
        assert "\n" not in str(problem.value)
        assert "0x" not in str(problem.value)
        count += 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{count} refused; slowest {slowest * 1000:.0f} ms of CPU; memory grew by {grown:.0f} MiB")
    assert count == COUNT
    assert slowest < 1
    assert grown < 200


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_what_has_no_end_is_no_weight_file(tmp_path, monkeypatch, suffix):
    path = tmp_path / "small.safetensors"
    save_weights(path, PoseNetwork(SMALL, Heatmap(), LSP), {})
    for make in (lambda p: p.symlink_to("/dev/zero"), os.mkfifo, Path.mkdir):
        odd = path.with_suffix(f".{suffix}")
        odd.unlink() if not odd.is_dir() else odd.rmdir()
        make(odd)
        with pytest.raises(WeightsError, match=r"is no file of at most|cannot be read"):
            load_weights(path)


def test_weights_and_cards_have_a_largest_size(tmp_path, monkeypatch):
    path = tmp_path / "small.safetensors"
    save_weights(path, PoseNetwork(SMALL, Heatmap(), LSP), {})
    size = path.stat().st_size
    monkeypatch.setattr(checkpoint, "LARGEST_WEIGHTS", size)
    load_weights(path)
    monkeypatch.setattr(checkpoint, "LARGEST_WEIGHTS", size - 1)
    with pytest.raises(WeightsError, match="is no file of at most"):
        load_weights(path)
    monkeypatch.undo()
    monkeypatch.setattr(checkpoint, "LARGEST_CARD", 10)
    with pytest.raises(WeightsError, match="is no file of at most"):
        load_weights(path)
