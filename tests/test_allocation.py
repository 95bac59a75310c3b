import subprocess
import sys

import pytest

from glasspose.allocation import keep_freed_memory

FAULTS = """
import resource, sys
import numpy as np
from glasspose.allocation import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    print(-1)
    sys.exit()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    blocks = [np.ones(500_000) for _ in range(8)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how, clean_environment):
    told = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True, env=clean_environment)
    return int(told.stdout)


def test_memory_that_is_used_again_is_not_asked_for_again(monkeypatch):
    for name in ("GLIBC_TUNABLES",):
        monkeypatch.delenv(name, raising=False)
    kept = faults("keep", None)
    if kept < 0:
        pytest.skip("no glibc here")
    assert kept < faults("plain", None) / 5


def test_the_wishes_of_the_environment_win(monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    assert not keep_freed_memory()
