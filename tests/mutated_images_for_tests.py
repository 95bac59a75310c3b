"""A process that decodes mutated images: `python mutated_images_for_tests.py FIRST COUNT` prints what became of them, as JSON.

Its address space is limited, and the parent limits its time, so that a decoder that runs away is seen.
"""

import json
import random
import resource
import sys
import time
from collections import Counter

import numpy as np

ROOM = 3 << 30
"""Bytes of address space: libraries take about 1.5 GiB of it."""


def mutant(number, seeds):
    """The same bytes for the same number: flipped, cut, repeated, or two files crossed."""
    chance = random.Random(number)
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 4, 8, 40))):
        place = chance.randrange(len(data))
        kind = chance.random()
        if kind < 0.6:
            data[place] = chance.randrange(256)
        elif kind < 0.7:
            data[place : place + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0"))
        elif kind < 0.8:
            del data[place : place + chance.randint(1, 64)]
        elif kind < 0.9:
            data[place:place] = data[place : place + chance.randint(1, 64)]
        else:
            other = chance.choice(seeds)
            data[place:] = other[min(place, len(other) - 1) :]
        data = data or bytearray(b"\0")
    return bytes(data)


def main(first, count):
    from glasspose.errors import ImageError
    from glasspose.images import Limits, load_image
    from test_images import seeds

    files = list(seeds().values())
    load_image(files[0])
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ends, slowest, begun = Counter(), 0.0, time.process_time()
    for number in range(first, first + count):
        data = mutant(number, files)
        started = time.process_time()
        try:
            image = load_image(data, Limits(pixels=4_000_000))
            assert image.dtype == np.uint8
            assert image.shape[2:] == (3,)
            ends["image"] += 1
        except ImageError as problem:
            assert "0x" not in str(problem), number
            assert str(problem).isprintable(), number
            ends["refused"] += 1
        slowest = max(slowest, time.process_time() - started)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({**ends, "slowest": slowest, "grown": grown, "seconds": time.process_time() - begun}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
