"""What a network says of a large sample, asked by many workers at once. The same numbers as one process gives: every batch has the same people."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from glasspose.explain.activations import gathered
from glasspose.explain.sample import Sample
from glasspose.explain.subject import Progress, Subject, Told
from glasspose.spreading import Machines, spread

BATCH = 32
TASK = 4 * BATCH
"""People in a task: whole batches, so that nobody's company changes."""


class _Asking:
    """A worker: the network, and parts of a sample to what its places and its last stack say."""

    def __init__(self, asked: Subject, places: Sequence[str]) -> None:
        self._asked, self._places = asked, places

    def __call__(self, part: Sample) -> tuple[dict[str, Float[np.ndarray, "n D"]], Told]:
        taps = self._asked.taps()
        return gathered(self._asked.network, {name: taps[name] for name in self._places}, part), self._asked.ask_all(part, batch=BATCH)


def asked_by_many(
    asked: Subject, places: Sequence[str], sample: Sample, machines: Machines, progress: Progress
) -> tuple[dict[str, Float[np.ndarray, "N D"]], Told]:
    """Rows of every place, and keypoints with scores, in the sample's order."""
    parts = [sample.part(start, start + TASK) for start in range(0, len(sample), TASK)]
    found: dict[int, tuple[dict[str, np.ndarray], Told]] = {}
    for number, answer in spread(_Asking, (asked, tuple(places)), parts, machines):
        found[number] = answer
        progress(sum(len(parts[n]) for n in found), len(sample))
    answers = [found[number] for number in range(len(parts))]
    rows = {name: np.concatenate([one[name] for one, _ in answers]) for name in places}
    told = Told(keypoints=np.concatenate([t.keypoints for _, t in answers]), scores=np.concatenate([t.scores for _, t in answers]))
    return rows, told
