"""How this process takes memory from the system and gives it back."""

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's `mallopt`."""
KEPT = 256 * 2**20
"""Bytes that may lie free at the end of the heap before they go back."""
LARGEST = 32 * 2**20
"""Blocks up to this size come from the heap; glibc takes no higher number."""


def keep_freed_memory() -> bool:
    """Let glibc reuse freed blocks instead of handing each back to the system, which clears it anew: a third of a forward pass on the CPU.

    For a whole process, so the command line alone asks for it. False where there is no glibc, or where the environment has its own wishes.
    """
    if any(name.startswith("MALLOC_") for name in os.environ) or "GLIBC_TUNABLES" in os.environ:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))
