"""The page on which suspects are reviewed: each with its picture, its label beside the network's answer, the reason and the rank."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import Float

from glasspose.drawing import contact_sheet, draw_poses
from glasspose.explain.explanation import Explanation, Figure
from glasspose.explain.page import LARGEST, STYLE
from glasspose.explain.plotting import picture_of
from glasspose.geometry import crop_matrix, extent, fit_aspect, transform, warp
from glasspose.images import load_image
from glasspose.skeletons import Skeleton
from glasspose.structures import Annotation, Image, Poses

if TYPE_CHECKING:
    from glasspose.explain.suspects import Suspects

CELL = 256
QUALITIES = (85, 70, 55, 35)
MORE = """
.suspect { display: flex; flex-wrap: wrap; gap: .6rem; align-items: flex-start; margin: 1.4rem 0; }
.suspect img { width: 256px; height: 256px; border-radius: .3rem; } .suspect div { flex: 1 1 14rem; }
.key b.l { color: #0072b2; } .key b.r { color: #e66100; }
"""


def review_page(explanation: Explanation, ranked: "Suspects", shown: int) -> str:
    """Self-contained HTML under 8 MB: no script, no request."""
    cells = [(place, int(i), *drawn_pair(ranked, int(i))) for place, i in enumerate(ranked.order[:shown], 1)]
    for quality in QUALITIES:
        rows = "".join(_row(ranked, place, i, pictures, quality) for place, i, *pictures in cells)
        made = _framed(explanation, rows, len(cells), len(ranked.people))
        if len(made.encode()) < LARGEST:
            break
    return made


def review_sheet(ranked: "Suspects", shown: int) -> Figure:
    """The first few as one picture."""
    pictures: list[Image] = []
    captions: list[str] = []
    for place, i in enumerate(ranked.order[:shown], 1):
        pictures += drawn_pair(ranked, int(i))
        captions += [f"{place}: label, {Path(ranked.people[i].image).name}", ranked.reasons[i]]
    caption = "The most suspicious labels, each beside the network's answer (blue: the person's left, orange: right)."
    return picture_of(contact_sheet(pictures, captions, columns=6, cell=CELL), "suspects", caption)


def drawn_pair(ranked: "Suspects", i: int) -> tuple[Image, Image]:
    """The label and the answer, over the same part of the picture."""
    person, claims = ranked.people[i], ranked.claims
    box = fit_aspect(_around(person), (1, 1), 1.35)
    matrix = crop_matrix(box, (CELL, CELL))
    crop = warp(load_image(person.image), matrix, (CELL, CELL))
    answer = ranked.answers(i)
    return (
        draw_poses(crop, _poses(transform(person.keypoints, matrix), person.labelled, claims.skeleton)),
        draw_poses(crop, _poses(transform(answer, matrix), person.labelled, claims.skeleton)),
    )


def _around(person: Annotation) -> Float[np.ndarray, " 4"]:
    return extent(person.keypoints, person.labelled)


def _poses(points: Float[np.ndarray, "K 2"], seen: np.ndarray, skeleton: Skeleton) -> Poses:
    count = len(skeleton)
    return Poses(
        keypoints=np.where(seen[:, None], points, -1e3)[None],
        scores=np.ones((1, count)),
        seen=seen[None],
        boxes=np.zeros((1, 4)),
        person_scores=np.ones(1),
        skeleton=skeleton,
        size=(CELL, CELL),
    )


def _row(ranked: "Suspects", place: int, i: int, pictures: Sequence[Image], quality: int) -> str:
    person = ranked.people[i]
    images = "".join(
        f'<img alt="{what} of rank {place}" src="{_source(picture, quality)}">' for what, picture in zip(("label", "answer"), pictures, strict=True)
    )
    facts = f"image {person.image_id} ({escape(Path(person.image).name)}), person {person.person_id}; suspicion {ranked.suspicion[i]:.2f}"
    return f'<section class="suspect">{images}<div><b>{place}.</b> {escape(ranked.reasons[i])}<p class="facts">{facts}</p></div></section>'


def _source(picture: Image, quality: int) -> str:
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return f"data:image/jpeg;base64,{b64encode(encoded.tobytes()).decode()}"


def _framed(explanation: Explanation, rows: str, shown: int, people: int) -> str:
    verdict = {"FAITHFUL": "faithful", "LOCAL ONLY": "local"}.get(str(explanation.verdict), "unfaithful")
    reasons = f": {escape('; '.join(explanation.reasons))}" if explanation.reasons else ""
    p = explanation.provenance
    facts = f"n = {p.n}; seed {p.seed}; model {p.model} (sha256 {p.model_sha256}); data {p.data} (sha256 {p.data_sha256})"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{escape(explanation.question)}</title><style>{STYLE}{MORE}</style></head><body><h1>{escape(explanation.question)}</h1>"
        f'<p class="answer">{escape(explanation.answer)}</p><p class="verdict banner {verdict}">{explanation.verdict}{reasons}</p>'
        f'<p class="key">The first {shown} of {people}. On the left of each the label, on the right what the network says of the same keypoints; '
        '<b class="l">blue</b> is the person\'s left, <b class="r">orange</b> the right. The whole list is in labels-suspects.csv.</p>'
        f'<main>{rows}</main><footer><p class="facts">{escape(facts)}</p></footer></body></html>\n'
    )
