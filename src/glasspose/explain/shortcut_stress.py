"""What `explain stress` says of networks that were trained to a shortcut: the cue that holds their reason must come first.

The figure is the person, by its mask. A watermark, a sky and a ball all stand outside it, so the cue that holds each of them is the background:
`stress` has no cue for a corner or a mark alone, and cannot say more. Which part of the background it is, `why` tells.
"""

from collections.abc import Sequence

from glasspose.explain.explanation import Check
from glasspose.explain.robustness import explained
from glasspose.explain.shortcut_networks import DRAWN, sample_of_shortcut, taught
from glasspose.explain.subject import subject

PICTURES = 12
LEAST, INSIDE = 0.2, 0.05
"""Agreement that the background must cost, and the most that anything inside the figure may cost."""


def selftest_shortcuts(seed: int = 0) -> Sequence[Check]:
    """Three trained networks: the background comes first, and nothing inside the person counts."""
    return [_first(name, seed) for name in DRAWN]


def _first(name: str, seed: int) -> Check:
    made = explained(subject(taught(name, DRAWN[name], seed)), sample_of_shortcut(name, DRAWN[name], seed, PICTURES), seed)
    rows = [row for row in made.numbers["reliance"] if row["family"] == "cue"]
    inside = max(row["lost_agreement"] for row in rows if not row["cue"].startswith("background"))
    lost = rows[0]["lost_agreement"]
    return Check(
        name=f"stress: where a learnt {name} decides, background is ranked first",
        passed=rows[0]["cue"].startswith("background") and lost >= LEAST and inside <= INSIDE,
        value=lost,
        bound=f"agreement lost at least {LEAST}, and at most {INSIDE} by any change inside the figure (here {inside:.2f})",
    )
