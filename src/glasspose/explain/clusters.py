"""`explain latent`: how the network's bottleneck groups poses, how many dimensions it uses, and which groups it gets wrong.

"There are no clusters" is an answer. Whatever is cut off a cloud without gaps is called a group here, never a cluster.
Letters: N people, K keypoints, D numbers a person, P components.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.metrics import adjusted_rand_score

from glasspose.configs.data import Data
from glasspose.explain.activations import gathered, latent_place, one_a_picture, pooled, untrained
from glasspose.explain.associating import Association, associations, correlations
from glasspose.explain.attributes import Attribute, crop_scale, of_sample
from glasspose.explain.cards import Card, cards, table_of
from glasspose.explain.cluster_figures import figures
from glasspose.explain.explanation import Check, Explanation, NotApplicableError, Table
from glasspose.explain.grouping import LEVEL, MOST_COMPONENTS, STABLE, Grouping, by_silhouette, grouped, silhouettes_of
from glasspose.explain.principal import Dimension, Principal, components_for, dimension, halves, principal
from glasspose.explain.projecting import Map, maps
from glasspose.explain.sample import Sample, draw_sample
from glasspose.explain.spread import asked_by_many
from glasspose.explain.subject import Progress, Subject, Told, silent, subject
from glasspose.metrics.significance import sign_flip_p
from glasspose.network import PoseNetwork
from glasspose.spreading import Machines

FEWEST = 16
PLANTED_APART = 5.0
"""Groups planted as a positive control lie so many standard deviations of the first component apart."""
UNTRAINED = 2
AXES = 5
TRUSTED_MAP = 0.8
SAME_AXIS = 0.8


@dataclass(frozen=True, kw_only=True, eq=False)
class Latent:
    """What one network's latent place says of N people."""

    asked: Subject
    sample: Sample
    told: Told
    place: str
    rows: Float[np.ndarray, "N D"]
    found: Principal
    dimensions: dict[str, Dimension]
    thesis: dict[str, dict[int, float]]
    """Silhouettes by k, the thesis's way: of everybody, and of people with every keypoint labelled."""

    @property
    def points(self) -> Float[np.ndarray, "N P"]:
        """In the space of the first components: 95 % of the variance, or 20 of them."""
        return self.found.scores[:, : min(components_for(self.found.variances), MOST_COMPONENTS)]


def latent(
    weights: str | Path | PoseNetwork,
    data: Data,
    *,
    n: int = 200,
    seed: int = 0,
    at: str | None = None,
    against: str | Path | PoseNetwork | None = None,
    machines: Machines | None = None,
    progress: Progress = silent,
) -> Explanation:
    """Principal components, clusters with nulls, maps and cards of the latent place (`at`: another one).

    `against` names a second network, shown beside the first on the same people; with `machines` Ray's workers ask the network, which changes
    no number. NotApplicableError without a bottleneck or for fewer than 16 people.
    """
    seen = looked(weights, data, n, seed, at, progress, machines=machines)
    other = None if against is None else looked(against, data, n, seed, None, silent, like=seen.sample)
    grouping = grouped(seen.points, seed, groups=seen.sample.image_ids)
    attributes = of_sample(seen.sample)
    apart = one_a_picture(seen.sample.image_ids)
    along = associations(grouping.labels[apart], [_of(a, apart) for a in attributes], crop_scale(seen.sample)[apart], seed)
    rho, p = correlations(seen.found.scores[apart, :AXES], [_of(a, apart) for a in attributes], seed)
    drawn = maps(seen.points, seed)
    made = cards(seen, grouping, attributes, {a.name for a in along if a.p < 0.05})
    checks = [*_controls(seen, seed), _untrained_check(seen, grouping, seed), _halves_check(seen, seed), _map_check(drawn)]
    return Explanation(
        name="latent",
        question="How does the network group poses in its bottleneck, and which groups fail?",
        answer=_answer(seen, grouping, other),
        checks=checks,
        numbers=_numbers(seen, grouping, along, drawn, made) | {"components": _rhos(rho, p, attributes), "against": _against(seen, other, seed)},
        provenance=seen.asked.provenance(seen.sample, seed, place=seen.place, components=seen.points.shape[1], scaling="none"),
        figures=figures(seen, other, grouping, drawn, made, (rho, p, [a.name for a in attributes])),
        tables=[_dimension_table(seen, other), table_of(made), _association_table(along), _people_table(seen, grouping)],
        limits=(
            "what the network uses: a place may hold what nothing reads (`walk` and `layers` remove it)",
            f"more dimensions than people: with n = {len(seen.sample)} no place can show more than {len(seen.sample) - 1}",
            "attributes come from the labels of the data, which lack what nobody labelled",
        ),
    )


def looked(
    weights: Any, data: Data, n: int, seed: int, at: str | None, progress: Progress, like: Sample | None = None, machines: Machines | None = None
) -> Latent:
    """Run the network once over the people, and take the latent place apart."""
    asked = subject(weights)
    place = latent_place(asked, at)
    sample = draw_sample(data, asked.skeleton, asked.size, n, seed)
    if like is not None and (asked.skeleton != like.skeleton or not np.array_equal(sample.image_ids, like.image_ids)):
        raise NotApplicableError(f"{asked.card['name']} sees other people or other keypoints", "Compare networks of one skeleton")
    if len(sample) < FEWEST:
        raise NotApplicableError(f"{len(sample)} people have no clusters to speak of", f"Give --n {FEWEST} or more")
    names = sorted({place, *(name for name in asked.taps() if name.endswith((".bottleneck", ".code")))})
    if machines is None:
        places = {name: module for name, module in asked.taps().items() if name in names}
        rows, told = gathered(asked.network, places, sample, progress=progress), asked.ask_all(sample)
    else:
        rows, told = asked_by_many(asked, names, sample, machines, progress)
    full = np.flatnonzero(sample.labelled.all(1))
    found = principal(rows[place])
    thesis = {"everybody": by_silhouette(found.scores, seed)}
    if len(full) >= FEWEST:
        thesis["full skeletons"] = by_silhouette(principal(rows[place][full]).scores, seed)
    return Latent(
        asked=asked,
        sample=sample,
        told=told,
        place=place,
        rows=rows[place],
        found=found,
        dimensions=_dimensions(rows, full, asked, seed),
        thesis=thesis,
    )


def _dimensions(rows: dict[str, np.ndarray], full: np.ndarray, asked: Subject, seed: int) -> dict[str, Dimension]:
    """Of every latent place: everybody, full skeletons, and averaged over positions."""
    widths = _channels(asked, list(rows))
    made = {}
    for name, values in rows.items():
        made[name] = dimension(values, seed)
        if len(full) >= FEWEST:
            made[f"{name}, full skeletons"] = dimension(values[full], seed)
        if values.shape[1] > widths[name]:
            made[f"{name}, averaged over positions"] = dimension(pooled(values, widths[name]), seed)
    return made


def _channels(asked: Subject, names: Sequence[str]) -> dict[str, int]:
    """How many channels each place has, from one empty picture."""
    import torch

    from glasspose.attribution.taps import recorded

    places = {name: asked.taps()[name] for name in names}
    with torch.inference_mode(), recorded(places) as found:
        asked.network(torch.zeros(1, 3, *asked.size))
    return {name: int(output.shape[1]) for name, output in found.items()}


def _of(attribute: Attribute, chosen: np.ndarray) -> Attribute:
    return Attribute(name=attribute.name, values=attribute.values[chosen], known=attribute.known[chosen], unit=attribute.unit)


def _controls(seen: Latent, seed: int) -> list[Check]:
    """The same pipeline must find groups that were planted into these features, and none in a Gaussian cloud of the same covariance."""
    rng = np.random.default_rng([seed, 1])
    planted, mixed = plant(seen.points, rng)
    found = grouped(mixed, seed, ks=(2, 3, 4), fits=10)
    agreement = float(adjusted_rand_score(planted, found.labels)) if found.clusters else 0.0
    plain = grouped(rng.normal(size=seen.points.shape) * seen.points.std(0, ddof=1), seed, ks=(2, 3, 4), fits=10)
    return [
        Check(name="three planted groups are found again", passed=agreement >= 0.8, value=agreement, bound="adjusted Rand index at least 0.8"),
        Check(name="a Gaussian of the same covariance has no clusters", passed=not plain.clusters, value=min(plain.p.values())),
    ]


def plant(points: Float[np.ndarray, "N P"], rng: np.random.Generator) -> tuple[np.ndarray, Float[np.ndarray, "N Q"]]:
    """Three random groups of people, moved to the corners of a triangle, its sides 5 standard deviations of the first component long."""
    labels = rng.integers(3, size=len(points))
    corners = PLANTED_APART * points[:, 0].std() / np.sqrt(2) * np.eye(3)
    wide = np.pad(points, ((0, 0), (0, max(3 - points.shape[1], 0))))
    wide[:, :3] += corners[labels]
    return labels, principal(wide).scores


def _untrained_check(seen: Latent, grouping: Grouping, seed: int) -> Check:
    """Per person: the silhouette above that of a Gaussian, trained less untrained."""
    name = "clusters stand out more than in the network before training"
    if not grouping.clusters:
        return Check(name=name, passed=None, reason="no clusters are claimed")
    own = silhouettes_of(seen.points, grouping.k, seed)
    differences = []
    for i in range(UNTRAINED):
        network = untrained(seen.asked.network, seen.sample, seed + i)
        place = {seen.place: Subject(network=network, card=seen.asked.card).taps()[seen.place]}
        found = principal(gathered(network, place, seen.sample)[seen.place])
        differences.append(own - silhouettes_of(found.scores[:, : seen.points.shape[1]], grouping.k, seed))
    values = np.column_stack(differences)
    p = float(sign_flip_p(values, seed=seed).max()) if values.mean(0).min() > 0 else 1.0
    return Check(name=name, passed=p < LEVEL, value=p, bound=f"p below {LEVEL}")


def _halves_check(seen: Latent, seed: int) -> Check:
    """The first axis of one half against that of the other."""
    cosines = []
    for half in halves(len(seen.sample), seed, 10):
        rest = np.setdiff1d(np.arange(len(seen.sample)), half)
        one, other = (principal(seen.found.scores[part]).axes[0] for part in (half, rest))
        cosines.append(abs(float(one @ other)))
    value = float(np.median(cosines))
    return Check(
        name="the first component is the same in both halves of the people", passed=value >= SAME_AXIS, value=value, bound="cosine at least 0.8"
    )


def _map_check(drawn: Sequence[Map]) -> Check:
    last = drawn[-1]
    value = min(last.trustworthiness, last.continuity)
    name = f"the {last.name} map keeps neighbours (the lesser of trustworthiness and continuity)"
    return Check(name=name, passed=value >= TRUSTED_MAP, value=value, bound=f"at least {TRUSTED_MAP}", only_local=True)


def _answer(seen: Latent, grouping: Grouping, other: Latent | None) -> str:
    at = list(grouping.ks).index(grouping.k)
    low, high = grouping.spread[at]
    agreement = f"adjusted Rand index between bootstraps {grouping.stability[at]:.2f} ({low:.2f} to {high:.2f})"
    p = " and ".join(f"{name} {value:.3f}" for name, value in grouping.p.items())
    if grouping.clusters:
        first = f"{seen.place} falls into {grouping.k} clusters: {agreement}, standing out from clouds without any (p: {p}; n = {len(seen.sample)})."
    else:
        why = "does not come back" if not grouping.stable else "is no better than that of a cloud without clusters"
        first = (
            f"No clusters in {seen.place}: the best split, k = {grouping.k}, {why} ({agreement}, {STABLE} needed; "
            f"p against {p}, below {LEVEL} needed; n = {len(seen.sample)})."
        )
    return f"{first} {_components(seen)}{'' if other is None else ' ' + _components(other)} {_by_thesis(seen)}"


def _components(seen: Latent) -> str:
    whole = seen.dimensions[seen.place]
    low, high = whole.components_interval or (whole.components, whole.components)
    return (
        f"95 % of the variance of {seen.place} in {seen.asked.card['name']} takes {whole.components} ({low:.0f} to {high:.0f}) "
        f"of {whole.numbers} components ({whole.components_of_half:.0f} with half of the people)."
    )


def _by_thesis(seen: Latent) -> str:
    curve = seen.thesis["everybody"]
    best = max(curve, key=lambda k: curve[k])
    return f"By the silhouette alone, as in the thesis, one would have said k = {best} ({curve[best]:.3f})."


def _numbers(seen: Latent, grouping: Grouping, along: Sequence[Association], drawn: Sequence[Map], made: Sequence[Card]) -> dict[str, Any]:
    return {
        "clusters": grouping.k if grouping.clusters else 0,
        "k": grouping.k,
        "by_k": [
            {"k": k, "silhouette": s, "stability": a, "stability_interval": i, "silhouette_of_null": n}
            for k, s, a, i, n in zip(grouping.ks, grouping.silhouettes, grouping.stability, grouping.spread, grouping.null_silhouettes.T, strict=True)
        ],
        "p": grouping.p,
        "dimensions": {name: asdict(value) for name, value in seen.dimensions.items()},
        "share_of_first_components": seen.found.shares[:100],
        "thesis_silhouettes": seen.thesis,
        "attributes": [asdict(a) for a in along],
        "maps": [
            {
                "name": m.name,
                "trustworthiness": m.trustworthiness,
                "continuity": m.continuity,
                "reliability": m.reliability.mean(),
                "procrustes": m.procrustes,
            }
            for m in drawn
        ],
        "groups": [card.numbers() for card in made],
    }


def _rhos(rho: np.ndarray, p: np.ndarray, attributes: Sequence[Attribute]) -> dict[str, Any]:
    return {a.name: {"spearman": rho[:, i], "p": p[:, i]} for i, a in enumerate(attributes)}


def _against(seen: Latent, other: Latent | None, seed: int) -> dict[str, Any] | None:
    """The second network, and the difference of components on the same halves of the people."""
    if other is None:
        return None
    found = grouped(other.points, seed, groups=other.sample.image_ids)
    return {
        "model": other.asked.card["name"],
        "sha256": other.asked.card["sha256"],
        "place": other.place,
        "clusters": found.k if found.clusters else 0,
        "k": found.k,
        "p": found.p,
        "stability": found.stability,
        "dimensions": {name: asdict(value) for name, value in other.dimensions.items()},
        "thesis_silhouettes": other.thesis,
        "components_more_here": seen.dimensions[seen.place].components - other.dimensions[other.place].components,
    }


def _dimension_table(seen: Latent, other: Latent | None) -> Table:
    rows = []
    for one in [seen] if other is None else [seen, other]:
        for name, d in one.dimensions.items():
            ranges = [
                f" ({low:.0f} to {high:.0f})" if (low, high) != (0, 0) else ""
                for low, high in (d.components_interval or (0, 0), d.participation_interval or (0, 0))
            ]
            rows.append(
                (one.asked.card["name"], name, d.numbers, f"{d.components}{ranges[0]}", d.components_of_half, f"{d.participation:.1f}{ranges[1]}")
            )
    columns = ("network", "place", "numbers", "components for 95 %", "with half of the people", "participation ratio")
    return Table(name="dimensions", caption="How many dimensions the latent places use", columns=columns, rows=rows)


def _people_table(seen: Latent, grouping: Grouping) -> Table:
    rows = [(p.image_id, p.person_id, int(label) + 1) for p, label in zip(seen.sample.people, grouping.labels, strict=True)]
    return Table(name="people", caption="Who is in which group", columns=("image", "person", "group"), rows=rows)


def _association_table(along: Sequence[Association]) -> Table:
    rows = [(a.name, *(None if v is None else round(v, 3) for v in (a.ami, a.ari, a.p, a.partial_ami, a.partial_p)), a.known) for a in along]
    columns = ("attribute", "AMI", "ARI", "p", "AMI within a scale", "p within a scale", "people")
    return Table(
        name="attributes", caption="How far the groups go with attributes of the labels (p over all findings of this run)", columns=columns, rows=rows
    )
