"""Thousands of mutated images, in processes of their own: no crash, no hang, bounded memory, only typed errors."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SHARE = 2500
"""Images a process decodes before the next takes over."""


def decoded(first):
    package = os.environ.get("GLASSPOSE_MUTANT", str(TESTS.parent / "src"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, str(TESTS)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", str(TESTS / "mutated_images_for_tests.py"), str(first), str(SHARE)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, (first, done.stderr[-2000:])
    return json.loads(done.stdout)


def all_decoded(count):
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(decoded, range(0, count, SHARE)))
    images, refused, seconds = (sum(part.get(key, 0) for part in found) for key in ("image", "refused", "seconds"))
    slowest, grown = max(part["slowest"] for part in found), max(part["grown"] for part in found)
    print(
        f"{images + refused} images: {images} decoded, {refused} refused; slowest {slowest:.2f} s; memory grew by {grown:.0f} MiB; "
        f"{(images + refused) / seconds:.0f} a second of CPU"
    )
    assert images + refused == count
    assert min(images, refused) > count // 10
    assert slowest < 2
    assert grown < 600


def test_five_thousand_mutated_images():
    all_decoded(5_000)


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_a_hundred_thousand_mutated_images():
    all_decoded(100_000)
