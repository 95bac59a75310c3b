"""How many examples of a property are tried."""

import os

EXAMPLES = int(os.environ.get("GLASSPOSE_EXAMPLES", "100"))
"""Of a property; `make test-nightly` asks for more."""


def examples(usual):
    """For a property whose examples take long: `usual` of them in `make test`, and as many times more where more are asked for."""
    return max(1, usual * EXAMPLES // 100)
