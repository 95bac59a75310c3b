"""The figures of `explain why`: evidence for every keypoint of one person, own and shuffled network side by side, and the curves."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Float

from glasspose.attribution import occlusion
from glasspose.attribution.faithfulness import FRACTIONS
from glasspose.attribution.rivals import evenly_blurred
from glasspose.drawing import contact_sheet
from glasspose.explain.explanation import Figure
from glasspose.explain.plotting import COLOURS, GREY, canvas, figure_of, picture_of
from glasspose.explain.studying import RIVALS, Asked, Studied
from glasspose.structures import Image

CELL = 192
FOR = np.array([230, 97, 0], np.float64)
AGAINST = np.array([0, 114, 178], np.float64)
"""Orange where pixels speak for the keypoint, blue where they speak against it."""
SIDE_BY_SIDE = 4


def figures(asked: Asked, studied: Sequence[Studied], methods: Sequence[str]) -> list[Figure]:
    """All of them."""
    return [_tiles(asked, studied), _side_by_side(asked, studied, methods), _curves(studied, methods)]


def overlaid(pixels: Image, values: Float[np.ndarray, "H W"], limit: float, place: Float[np.ndarray, " 2"]) -> Image:
    """The picture in dim grey, evidence over it, and a ring around where the network puts the keypoint."""
    factor = max(1, CELL // pixels.shape[0])
    size = (pixels.shape[1] * factor, pixels.shape[0] * factor)
    grey = 255 - 0.6 * (255.0 - cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), cv2.COLOR_RGB2GRAY))
    share = np.clip(cv2.resize(values / max(limit, 1e-12), size, interpolation=cv2.INTER_LINEAR), -1, 1)[..., None]
    weight = 0.85 * np.abs(share) ** 0.7
    mixed = (grey[..., None] * (1 - weight) + np.where(share > 0, FOR, AGAINST) * weight).round().astype(np.uint8)
    x, y = (round((float(v) + 0.5) * factor - 0.5) for v in place)
    for colour, width in (((255, 255, 255), 3), ((0, 0, 0), 1)):
        cv2.circle(mixed, (x, y), 7 * factor, colour, width, cv2.LINE_AA)
    return np.ascontiguousarray(mixed)


def _limit(values: Float[np.ndarray, "*any"]) -> float:
    return float(np.quantile(np.abs(values), 0.995))


def _tiles(asked: Asked, studied: Sequence[Studied]) -> Figure:
    """One set of hidden cells serves every keypoint of the person of whom the network is surest."""
    surest = max(studied, key=lambda pair: float(asked.answer.maps[pair.i].amax((-2, -1)).mean())).i
    case, skeleton = asked.case(surest, 0), asked.witness.skeleton
    lost = occlusion.occlusion(case.reading, case.image, case.fills, case.grid()).mean(0)
    maps = evenly_blurred(occlusion.spread_out(lost, case.grid())).numpy()
    pixels, keypoints = asked.sample.pixels[surest], asked.answer.keypoints[surest].double().numpy()
    pictures = [overlaid(pixels, values, _limit(values), keypoints[k]) for k, values in enumerate(maps)]
    captions = [f"{name.replace('_', ' ')} {asked.answer.maps[surest, k].max():.2f}" for k, name in enumerate(skeleton.keypoints)]
    factor = max(1, CELL // pixels.shape[0])
    whole = cv2.resize(pixels, (pixels.shape[1] * factor, pixels.shape[0] * factor), interpolation=cv2.INTER_LINEAR)
    caption = (
        "Evidence for every keypoint of one person, by hiding cells: orange speaks for it, blue against it; the ring is where it was put, "
        "the number its confidence. Each tile has its own scale."
    )
    return picture_of(contact_sheet([whole, *pictures], ["picture", *captions], columns=5, cell=CELL), "keypoints", caption)


def _side_by_side(asked: Asked, studied: Sequence[Studied], methods: Sequence[str]) -> Figure:
    shown = [pair for pair in studied if len(pair.evidence) == len(methods)][:SIDE_BY_SIDE]
    pictures, captions, skeleton = [], [], asked.witness.skeleton
    for pair in shown:
        maps = [(name, found.map) for name, found in pair.evidence.items()]
        maps += [] if pair.shuffled is None else [("shuffled network", pair.shuffled)]
        for name, values in maps:
            found = torch.as_tensor(values).numpy()
            pictures.append(overlaid(asked.sample.pixels[pair.i], found, _limit(found), pair.keypoints[pair.k]))
            captions.append(f"{skeleton.keypoints[pair.k]}: {name}".replace("_", " "))
    caption = f"The same keypoints by each method, and (last column) by {methods[0]} on the network with shuffled weights, which knows nothing."
    columns = len(methods) + (shown[0].shuffled is not None)
    return picture_of(contact_sheet(pictures, captions, columns=columns, cell=240), "side-by-side", caption.replace("_", " "))


def _curves(studied: Sequence[Studied], methods: Sequence[str]) -> Figure:
    drawn = canvas(9, 3.6)
    panels = drawn.subplots(1, 2, sharey=True)
    names = [*methods, *RIVALS]
    lines = dict(zip(names, [*["-"] * len(methods), "--", ":", "-."], strict=True))
    for axes, part, title in ((panels[0], "deletion", "Deletion: less is better"), (panels[1], "insertion", "Insertion: more is better")):
        for m, name in enumerate(names):
            having = [pair for pair in studied if name in pair.names]
            mean = np.mean([getattr(pair.curves, part)[pair.names.index(name)] for pair in having], 0)
            colour = COLOURS[m % len(COLOURS)] if m < len(methods) else ("black" if m == len(methods) else GREY)
            axes.plot(
                100 * np.array(FRACTIONS),
                mean,
                lines[name],
                color=colour,
                marker="o",
                markersize=3,
                label=f"{name.replace('_', ' ')} (n = {len(having)})",
            )
        axes.set(title=title, xlabel=f"% of the picture {'hidden' if part == 'deletion' else 'shown'}, most important first")
    panels[0].set_ylabel("share of the untouched value")
    panels[0].legend(fontsize=8, loc="upper right")
    caption = "What is left of the number explained while the first pixels of each map are hidden or shown alone, at equal blur."
    return figure_of(drawn, "curves", caption)
