"""`explain why` in bounded time: one keypoint of one picture by one method, on a coarse grid, with the checks that one picture allows."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from glasspose.attribution import occlusion
from glasspose.attribution.faithfulness import efficient_mprt, rank_correlation, shuffled
from glasspose.attribution.indices import half_radius
from glasspose.calibration import calibration_from_card
from glasspose.engines import is_exported
from glasspose.errors import GlassposeError, MissingError
from glasspose.explain.evidence import METHODS, Case, Evidence, of_cells
from glasspose.explain.explanation import Explanation
from glasspose.explain.faithfulness_checks import against_shuffled
from glasspose.explain.saliency import card_check
from glasspose.explain.saliency_figures import overlaid
from glasspose.explain.sample import sample_of_picture
from glasspose.explain.studying import Asked, ask, chosen
from glasspose.explain.witness import witness
from glasspose.geometry import invert, transform
from glasspose.images import Limits, load_image
from glasspose.prediction import Predictor
from glasspose.serving.answering import Answered, png

ACROSS = 7
"""Cells along the picture's height; `explain why` hides ten."""
FILLS = ("blur", "noise")
LIMITS = (
    "what `glasspose explain why` shows: this is a coarse and quick answer about one picture",
    "reasons that are in several places at once: hiding one of them changes nothing",
    "whether the keypoint is right",
)


class Explainer:
    """Weights that are asked why, about one picture after the other. MissingError for files that have no gradients and no card."""

    def __init__(self, weights: str, limits: Limits) -> None:
        if is_exported(weights):
            raise MissingError("an exported file has no weights to shuffle", "Serve the .safetensors file to have explanations")
        self._witness, self._limits = witness(weights), limits
        network = self._witness.network
        assert network is not None
        calibration = calibration_from_card(self._witness.card, len(self._witness.skeleton))
        self._predictor = Predictor(network, calibration, device="cpu", flip_test=False)

    def answer(self, order: Mapping[str, Any], picture: bytes) -> Answered:
        """`order` has a keypoint's name, a method and perhaps a box."""
        try:
            explanation, drawn, where = self._explained(order, picture)
        except GlassposeError as problem:
            return Answered(told={"problem": {"code": problem.code, "message": str(problem)}})
        told = explanation.to_json()
        del told["provenance"]["versions"]
        return Answered(told={"explanation": {**told, **where, "overlay": base64.b64encode(drawn).decode()}}, picture=drawn)

    def _explained(self, order: Mapping[str, Any], picture: bytes) -> tuple[Explanation, bytes, dict[str, Any]]:
        image = load_image(picture, self._limits, name="the picture")
        crop = self._predictor.heatmaps(image, order["box"])[1]
        sample = sample_of_picture(image, self._witness.skeleton, crop.box, self._witness.size)
        asked = ask(self._witness, sample, "confidence", (1.0, 0.0), 0)
        ((_, k),) = chosen(asked, [order["keypoint"]])
        assert self._witness.network is not None
        other = shuffled(self._witness.network, sample.inputs(), 0)
        own, strange = (_evidence(order["method"], asked.case(0, k, network)) for network in (None, other))
        compared = (rank_correlation(own.map, strange.map), efficient_mprt(own.map, strange.map))
        explanation = self._told(order, asked, k, own, compared)
        place = asked.answer.keypoints[0].double().numpy()
        drawn = overlaid(sample.pixels[0], own.map.numpy(), float(np.quantile(np.abs(own.map.numpy()), 0.995)), place[k])
        x, y = transform(place[k][None], invert(crop.matrix(self._witness.size)))[0]
        where = {
            "keypoint": order["keypoint"],
            "method": order["method"],
            "x": round(float(x), 3),
            "y": round(float(y), 3),
            "box": [round(float(v), 2) for v in crop.box],
        }
        return explanation, png(drawn), where

    def _told(self, order: Mapping[str, Any], asked: Asked, k: int, own: Evidence, compared: tuple[float, float]) -> Explanation:
        near = half_radius(own.map.numpy(), asked.answer.keypoints[0, k].double().numpy())
        return Explanation(
            name="why",
            question=f"Which pixels made {order['keypoint']} be where it is?",
            answer=f"Half of the evidence lies within {near:.0f} px of {order['keypoint']} (input pixels, by {order['method']}).",
            checks=[*against_shuffled([compared], order["method"]), card_check(self._witness)],
            numbers={
                "half_of_evidence_within_px": near,
                "confidence": float(asked.answer.maps[0, k].max()),
                "rank_correlation_with_shuffled": compared[0],
                "agreement_of_fills": own.agreement_of_fills,
            },
            provenance=self._witness.provenance(asked.sample, 0, target="confidence", method=order["method"], across=ACROSS, fills=list(FILLS)),
            limits=LIMITS,
        )


def _evidence(method: str, case: Case) -> Evidence:
    """By occlusion with fewer cells and fills; the other methods take a bounded number of gradients as they are."""
    if method != "occlusion":
        return METHODS[method](case)
    fewer = replace(case, fills={name: case.fills[name] for name in FILLS})
    grid = occlusion.cells((case.image.shape[-2], case.image.shape[-1]), ACROSS)
    return of_cells(occlusion.occlusion(fewer.reading, fewer.image, fewer.fills, grid)[:, fewer.k], grid)
