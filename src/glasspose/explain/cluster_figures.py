"""The figures of `explain latent`: curves of variance, k, maps, skeletons on the first two components, medoids, attributes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from glasspose.drawing import contact_sheet
from glasspose.explain.explanation import Figure
from glasspose.explain.plotting import BLUE, COLOURS, GREY, ORANGE, canvas, figure_of, heat_table, picture_of
from glasspose.explain.posing import over, thumbnails
from glasspose.explain.principal import SHARE

if TYPE_CHECKING:
    from glasspose.explain.cards import Card
    from glasspose.explain.clusters import Latent
    from glasspose.explain.grouping import Grouping
    from glasspose.explain.projecting import Map

MOST_THUMBNAILS = 90
MOST_GROUPS = 6


def figures(
    seen: "Latent",
    other: "Latent | None",
    grouping: "Grouping",
    drawn: "Sequence[Map]",
    made: "Sequence[Card]",
    found: tuple[np.ndarray, np.ndarray, Sequence[str]],
) -> list[Figure]:
    """All of them."""
    both = [seen] if other is None else [seen, other]
    curves = [_variance(both), _silhouettes(both), _stability(seen, grouping)]
    return [*curves, _maps(seen, grouping, drawn), _skeletons(seen, grouping), _medoids(seen, made, grouping.clusters), _attributes(seen, *found)]


def _variance(both: "Sequence[Latent]") -> Figure:
    sheet = canvas(6.4, 3.8)
    axes = sheet.subplots()
    for one, colour in zip(both, (BLUE, ORANGE), strict=False):
        count = one.dimensions[one.place].components
        shares = np.concatenate([[0], one.found.shares])
        axes.plot(np.arange(len(shares)), 100 * shares, color=colour, label=f"{one.asked.card['name']} {one.place}: {count} for 95 %")
        axes.plot([count, count], [0, 100 * SHARE], color=colour, linestyle=":", linewidth=1)
    axes.axhline(100 * SHARE, color=GREY, linewidth=0.8, linestyle="--")
    axes.set(
        xlabel="principal components", ylabel="variance together, %", ylim=(0, 102), xlim=(0, None), title="How many components carry the variance"
    )
    axes.legend(fontsize=8, loc="lower right")
    return figure_of(sheet, "variance", f"Cumulative variance of the latent place (the thesis's X6), no scaling; n = {len(both[0].sample)}.")


def _silhouettes(both: "Sequence[Latent]") -> Figure:
    sheet = canvas(6.4, 3.6)
    axes = sheet.subplots()
    for one, colour in zip(both, (BLUE, ORANGE), strict=False):
        for (who, curve), style in zip(one.thesis.items(), ("-", "--"), strict=False):
            axes.plot(list(curve), list(curve.values()), style, marker="o", markersize=3.5, color=colour, label=f"{one.asked.card['name']}, {who}")
    axes.set(xlabel="k", ylabel="mean silhouette", title="k by silhouette alone, as in the thesis")
    axes.legend(fontsize=8)
    return figure_of(
        sheet, "silhouettes", f"k-means on the unscaled place (the thesis's X3 and X5); a peak here is no evidence yet; n = {len(both[0].sample)}."
    )


def _stability(seen: "Latent", grouping: "Grouping") -> Figure:
    sheet = canvas(8.6, 3.5)
    left, right = sheet.subplots(1, 2)
    ks = list(grouping.ks)
    left.fill_between(ks, *grouping.spread.T, color=BLUE, alpha=0.2, linewidth=0)
    left.plot(ks, grouping.stability, color=BLUE, marker="o", markersize=4)
    left.axhline(0.8, color=GREY, linestyle="--", linewidth=1)
    left.text(ks[-1], 0.82, "stable", ha="right", fontsize=8, color=GREY)
    left.set(xlabel="k", ylabel="adjusted Rand index", ylim=(min(0.0, float(grouping.spread.min())), 1.03), title="Does the split come back?")
    right.plot(ks, grouping.silhouettes, color=BLUE, marker="o", markersize=4, label="this network")
    for curve, name, style in zip(grouping.null_silhouettes, grouping.p, ("--", ":"), strict=True):
        right.plot(ks, curve, color=ORANGE, linestyle=style, label=f"{name} cloud (p = {grouping.p[name]:.3f})")
    right.set(xlabel="k", ylabel="mean silhouette", title="Does it stand out?")
    right.legend(fontsize=8)
    caption = f"Left: agreement between bootstraps (mean, middle 95 % of pairs). Right: against clouds without clusters; n = {len(seen.sample)}."
    return figure_of(sheet, "stability", caption)


def _maps(seen: "Latent", grouping: "Grouping", drawn: "Sequence[Map]") -> Figure:
    sheet = canvas(4.8 * len(drawn), 4.5)
    word = "cluster" if grouping.clusters else "group"
    for axes, one in zip(np.atleast_1d(sheet.subplots(1, len(drawn))), drawn, strict=True):
        for i in range(grouping.k):
            chosen = grouping.labels == i
            sizes = 8 + 40 * one.reliability[chosen]
            axes.scatter(*one.places[chosen].T, s=sizes, color=COLOURS[i % len(COLOURS)], alpha=0.7, linewidths=0, label=f"{word} {i + 1}")
        title = (
            f"{one.name}: trustworthiness {one.trustworthiness:.2f}, continuity {one.continuity:.2f}\nneighbours kept {one.reliability.mean():.2f}"
        )
        axes.set_title(title, fontsize=9)
        axes.set(xticks=[], yticks=[])
        axes.legend(fontsize=7, markerscale=0.8, loc="best")
    caption = f"Large dots keep their neighbours when the map is made again. Distances between groups mean nothing on t-SNE; n = {len(seen.sample)}."
    return figure_of(sheet, "maps", caption)


def _skeletons(seen: "Latent", grouping: "Grouping") -> Figure:
    """The thesis's picture: everybody's pose where it lies on the first two components."""
    places = np.column_stack([seen.points[:, 0], seen.points[:, 1] if seen.points.shape[1] > 1 else np.zeros(len(seen.points))])
    sheet = canvas(9, 6.2)
    axes = sheet.subplots()
    colours = [COLOURS[i % len(COLOURS)] for i in grouping.labels]
    shown = thumbnails(axes, places, seen.told.keypoints, seen.asked.skeleton, colours, MOST_THUMBNAILS)
    shares = 100 * seen.found.variances / seen.found.variances.sum()
    second = f"{shares[1]:.1f} %" if len(shares) > 1 else "none"
    axes.set(
        xlabel=f"component 1 ({shares[0]:.1f} % of the variance)",
        ylabel=f"component 2 ({second})",
        title="Poses as the network sees them, where they lie",
    )
    caption = f"{shown} of {len(seen.sample)} people (those that leave room), as the network finds them; colours: the k = {grouping.k} split."
    return figure_of(sheet, "skeletons", caption)


def _medoids(seen: "Latent", made: "Sequence[Card]", clusters: bool) -> Figure:
    pictures, captions = [], []
    width = min(len(card.medoids) for card in made)
    for card in made[:MOST_GROUPS]:
        pck = "" if card.pck is None else f", PCK {100 * card.pck:.0f} %"
        lines = [f"{'cluster' if clusters else 'group'} {card.number}: {card.people}{pck}", card.said()]
        for i, person in enumerate(card.medoids[:width]):
            pictures.append(over(seen.sample.pixels[person], seen.told.keypoints[person], seen.asked.skeleton))
            captions.append(lines[i] if i < len(lines) else "")
    what = "" if clusters else " These are cuts through a cloud without gaps, not clusters."
    return picture_of(contact_sheet(pictures, captions, columns=width, cell=230), "groups", f"The people in the middle of each group.{what}")


def _attributes(seen: "Latent", rho: np.ndarray, p: np.ndarray, names: Sequence[str]) -> Figure:
    shown = len(rho)
    sheet = canvas(1.6 + 0.75 * len(names), 1.4 + 0.42 * shown)
    axes = sheet.subplots()
    heat_table(axes, rho, [f"component {i + 1}" for i in range(shown)], list(names), form="{:+.2f}", limits=(-1.0, 1.0))
    for y, x in zip(*np.nonzero(p < 0.05), strict=True):
        axes.plot(x + 0.38, y - 0.3, marker="*", color="black", markersize=5)
    axes.set_title("Rank correlation with what the labels say (star: p < 0.05 over all)", fontsize=8)
    return figure_of(sheet, "attributes", f"What the first components go with; n = {len(seen.sample)}.")
