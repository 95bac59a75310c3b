"""The figures of `explain walk`: film strips under three regimes, a moving picture, the thesis's grid of nearest people, the probe's walk."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
from jaxtyping import Float

from glasspose.drawing import contact_sheet, fused_heatmaps
from glasspose.explain.explanation import Figure
from glasspose.explain.plotting import BLUE, GREY, ORANGE, canvas, figure_of, picture_of
from glasspose.explain.posing import greyed, on_white, over
from glasspose.explain.sample import Sample
from glasspose.explain.steering import REGIMES, Decoder
from glasspose.explain.walk_probe import Probed
from glasspose.explain.walks import STEPS, Walk, change
from glasspose.geometry import resize_matrix
from glasspose.skeletons import Skeleton
from glasspose.structures import Image

SAID = {"frozen": "skips frozen", "moved": "skips moved", "mean": "mean skips"}
SECONDS = 0.35


@dataclass(frozen=True, kw_only=True, eq=False)
class Nearest:
    """Who is nearest on the way along one component, at -3, -2, -1, 1, 2, 3 standard deviations from the mean."""

    component: int
    """Counted from 1."""
    people: tuple[int, ...]
    poses: Float[np.ndarray, "6 K 2"]
    share: float

    @property
    def different(self) -> int:
        """How many different people stand along the way."""
        return len(set(self.people))


def figures(
    walks: Sequence[Walk], sources: Sample, sample: Sample, nearest: Sequence[Nearest], probed: Probed | None, known: Decoder
) -> list[Figure]:
    """All of them."""
    made = [_film(walks, sources, known.asked.skeleton), _grid(nearest, sample), _changes(walks, len(sources))]
    return made if probed is None else [*made, _probe(probed, len(sources))]


def frame(one: Walk, regime: str, t: int, sources: Sample, skeleton: Skeleton) -> Image:
    """The first source's crop in grey, the decoded heat and pose over it; pale where nobody is. Of the mean person there is no crop."""
    made, crop = one.by_regime[regime], sources.pixels[0]
    background = np.full_like(crop, 90) if regime == "mean" else crop
    matrix = resize_matrix((crop.shape[0], crop.shape[1]), (made.maps.shape[-2], made.maps.shape[-1]))
    heated = fused_heatmaps(background, np.clip(made.maps[0, t], 0, 1), matrix)
    picture = over(heated, made.told[0, t], skeleton)
    return greyed(picture) if regime != "mean" and one.off[0, t] else picture


def _film(walks: Sequence[Walk], sources: Sample, skeleton: Skeleton) -> Figure:
    pictures, captions = [], []
    for one in walks:
        for regime in REGIMES:
            for t, step in enumerate(STEPS):
                pictures.append(frame(one, regime, t, sources, skeleton))
                captions.append(f"{one.name.replace('component ', 'PC')} {regime} {step:+.0f} sd" if t == 0 else f"{step:+.0f} sd")
    caption = "Steps of one standard deviation (-3 to 3) along a component: maps and pose as decoded. Grey frames lie where nobody is."
    return picture_of(contact_sheet(pictures, captions, columns=len(STEPS), cell=120), "film", caption)


def moving_picture(one: Walk, sources: Sample, skeleton: Skeleton) -> bytes:
    """The three regimes side by side along one component, there and back, as GIF."""
    order = [*range(len(STEPS)), *range(len(STEPS) - 2, 0, -1)]
    sheets = []
    for t in order:
        pictures = [frame(one, regime, t, sources, skeleton) for regime in REGIMES]
        captions = [f"{one.name} {STEPS[t]:+.0f} sd: {SAID[regime]}" for regime in REGIMES]
        sheets.append(PIL.Image.fromarray(contact_sheet(pictures, captions, columns=3, cell=200)))
    content = io.BytesIO()
    sheets[0].save(content, "GIF", save_all=True, append_images=sheets[1:], duration=int(1000 * SECONDS), loop=0)
    return content.getvalue()


def _grid(nearest: Sequence[Nearest], sample: Sample) -> Figure:
    pictures, captions = [], []
    for row in nearest:
        for step, pose in zip((-3, -2, -1, 1, 2, 3), row.poses, strict=True):
            pictures.append(on_white(pose, sample.skeleton, sample.size))
            captions.append(f"PC {row.component}: {step:+d} sd" + (f" ({100 * row.share:.1f} %)" if step == -3 else ""))
    caption = f"The thesis's grid (X2): the real person nearest to mean + c standard deviations of a component; n = {len(sample)}."
    return picture_of(contact_sheet(pictures, captions, columns=6, cell=130), "nearest", caption)


def _changes(walks: Sequence[Walk], sources: int) -> Figure:
    sheet = canvas(3.3 * len(walks), 3.2)
    for axes, one in zip(np.atleast_1d(sheet.subplots(1, len(walks), sharey=True)), walks, strict=True):
        for regime, colour in zip(REGIMES, (BLUE, ORANGE, GREY), strict=True):
            axes.plot(STEPS, change(one.by_regime[regime]).mean(0), color=colour, marker="o", markersize=3, label=SAID[regime])
        axes.set(title=one.name, xlabel="standard deviations")
    first = sheet.axes[0]
    first.set_ylabel("change of the maps")
    first.legend(fontsize=8)
    caption = f"How far the maps move from those of step 0, by what the skips do; mean over {sources} people (the mean person is one)."
    return figure_of(sheet, "changes", caption)


def _probe(probed: Probed, sources: int) -> Figure:
    effects, name = probed.effects, probed.probe.attribute
    sheet = canvas(10.5, 3.3)
    left, *others = sheet.subplots(1, 1 + len(effects))
    for (regime, effect), colour in zip(effects.items(), (BLUE, ORANGE), strict=True):
        left.plot(STEPS, effect.curve, color=colour, marker="o", markersize=4, label=SAID[regime])
    left.set(xlabel="standard deviations of component 1", ylabel=f"{name}\n({probed.probe.unit})", title="Along the probe's direction")
    left.legend(fontsize=8)
    for axes, (regime, effect), colour in zip(others, effects.items(), (BLUE, ORANGE), strict=True):
        axes.hist(effect.random, bins=15, color=GREY, label=f"{len(effect.random)} random directions")
        axes.axvline(effect.slope, color=colour, linewidth=2, label="the probe's direction")
        axes.set(xlabel=f"change of {name} from -3 to +3", title=f"{SAID[regime]}: p = {effect.p:.3f}")
        axes.set_ylim(0, 1.45 * axes.get_ylim()[1])
        axes.legend(fontsize=7, loc="upper left")
    others[0].set_ylabel("directions")
    return figure_of(sheet, "probe", f"The attribute of decoded poses, mean over {sources} people; R2 of the probe {probed.probe.r2:.2f}.")
