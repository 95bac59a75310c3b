"""What a dataset holds: how many, how large, and which keypoints are labelled."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glasspose.structures import Dataset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Counts are of people who are not crowds; shares are fractions."""

    data: str
    people: int
    images: int
    crowds: int
    labelled: dict[str, float]
    """For each keypoint the share of people who have it labelled."""
    occluded: dict[str, float]
    """Of these, the share that is occluded."""
    sizes: dict[int, float]
    """Percentiles of the longer side of a person's box, in pixels."""
    people_of_image: dict[int, int]
    """Images by the number of their people."""
    keypoints_of_person: dict[int, int]
    """People by the number of their labelled keypoints."""
    empty: float
    """The share of people without a single labelled keypoint, where the reader keeps them."""
    without_torso: float | None
    """The share of people without that reference length; None where the skeleton defines none."""
    without_head: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {"format": "glasspose.statistics", "version": 1} | asdict(self)


def summarise(dataset: Dataset) -> Statistics:
    """Count through a dataset; no picture is opened."""
    people = [person for person in dataset.annotations if not person.crowd]
    names, count = dataset.skeleton.keypoints, max(len(people), 1)
    labelled = np.array([person.labelled for person in people], bool).reshape(-1, len(names))
    occluded = np.array([person.occluded for person in people], bool).reshape(-1, len(names)) & labelled
    shares = labelled.sum(0) / count, occluded.sum(0) / np.maximum(labelled.sum(0), 1)
    sizes = _sizes(dataset)
    crowded = Counter(Counter(person.image for person in people).values())
    return Statistics(
        data=dataset.name,
        people=len(people),
        images=len({person.image for person in dataset.annotations}),
        crowds=len(dataset) - len(people),
        labelled={name: float(share) for name, share in zip(names, shares[0], strict=True)},
        occluded={name: float(share) for name, share in zip(names, shares[1], strict=True)},
        sizes={p: float(np.percentile(sizes, p)) for p in PERCENTILES} if len(sizes) else {},
        people_of_image=dict(sorted(crowded.items())),
        keypoints_of_person=dict(sorted(Counter(labelled.sum(1).tolist()).items())),
        empty=float((~labelled.any(1)).mean()) if len(labelled) else 0.0,
        without_torso=sum(p.torso is None for p in people) / count if dataset.skeleton.torso else None,
        without_head=sum(p.head is None for p in people) / count if dataset.skeleton.head else None,
    )


def figure(dataset: Dataset) -> "Figure":
    """Four panels: labelled and occluded keypoints, sizes, people per image, keypoints per person. `savefig` writes it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = summarise(dataset)
    drawn = Figure(figsize=(11, 8), dpi=120, layout="constrained")
    FigureCanvasAgg(drawn)
    drawn.suptitle(f"{found.data}: {found.people:,} people in {found.images:,} images")
    (keypoints, sizes), (crowding, completeness) = drawn.subplots(2, 2)
    _keypoint_panel(keypoints, found)
    sizes.hist(_sizes(dataset), bins=40, color="tab:blue")
    sizes.set(title="Size of people", xlabel="longer side of the box, pixels", ylabel="people")
    for axes, counts, titles in (
        (crowding, found.people_of_image, ("People per image", "people", "images")),
        (completeness, found.keypoints_of_person, ("Labelled keypoints per person", "keypoints", "people")),
    ):
        axes.bar(list(counts), list(counts.values()), color="tab:blue")
        axes.set(title=titles[0], xlabel=titles[1], ylabel=titles[2], xlim=(-0.6, max([5, *counts]) + 0.6))
        axes.xaxis.get_major_locator().set_params(integer=True)
    return drawn


def _sizes(dataset: Dataset) -> np.ndarray:
    return np.array([float((person.box[2:] - person.box[:2]).max()) for person in dataset.annotations if not person.crowd])


def _keypoint_panel(axes: "Axes", found: Statistics) -> None:
    names = list(found.labelled)[::-1]
    labelled = np.array([found.labelled[name] for name in names]) * 100
    occluded = labelled * [found.occluded[name] for name in names]
    axes.barh(names, labelled - occluded, color="tab:blue", label="visible")
    axes.barh(names, occluded, left=labelled - occluded, color="tab:orange", label="occluded")
    axes.set(title="Labelled keypoints", xlim=(0, 100))
    axes.set_xlabel("per cent of people", loc="left")
    axes.legend(loc="upper right", bbox_to_anchor=(1, -0.07), ncols=2, frameon=False, fontsize="small")
