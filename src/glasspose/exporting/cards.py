"""What an exported file says of itself: the card inside it, and the sidecar beside it, which adds checksum and proof."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from glasspose.calibration import STRONGEST, calibration_from_card
from glasspose.engines.exported import INPUT
from glasspose.geometry import PADDING
from glasspose.network import PoseNetwork
from glasspose.prediction import FEWEST, FEWEST_BELOW, LIKELY, PORTRAIT_MARGIN
from glasspose.structures import DEVIATION, MEAN

TAKEN = ("licence", "intended_use", "known_skew", "packing")
"""From the card of the weights, as it stands."""


def card_of(network: PoseNetwork, weights: Mapping[str, Any], *, to: str, flip_test: bool, int8: bool) -> dict[str, Any]:
    """Everything that whoever runs the file needs besides it (docs/export.md describes each entry)."""
    keypoints, (height, width) = len(network.skeleton), network.input_size
    h, w = network.codec.size
    return {
        "format": "glasspose.export",
        "version": 1,
        "name": str(weights["name"]),
        "to": to,
        "int8": int8,
        "made_from": {"weights": str(weights["name"]), "sha256": weights["sha256"], "glasspose": version("glasspose")},
        "input": {
            "name": INPUT,
            "shape": ["B", height, width, 3],
            "type": "uint8",
            "channels": "RGB",
            "padding": list(PADDING),
            "normalisation": {"inside": True, "mean": list(MEAN), "deviation": list(DEVIATION)},
        },
        "outputs": {
            "keypoints": {"shape": ["B", keypoints, 2], "unit": "input pixels, x then y, pixel centres at integers"},
            "scores": {"shape": ["B", keypoints], "unit": "0 to 1"},
            "heatmaps": {
                "shape": ["B", keypoints, h, w],
                "unit": f"the maps that keypoints and scores were read from; a pixel is {network.codec.stride} input pixels",
            },
            "raw": {"unit": "what the network's head gives, of every stack; for glasspose itself"},
        },
        "flip_test": flip_test and network.skeleton.mirrors,
        "flip": list(network.skeleton.flip),
        "mirrors": network.skeleton.mirrors,
        "framing": {
            "margin": network.framing.scale,
            "portrait_margin": PORTRAIT_MARGIN,
            "likely": LIKELY,
            "fewest": FEWEST,
            "lower_body": list(network.skeleton.lower_body),
            "fewest_below": FEWEST_BELOW,
            "strongest": STRONGEST,
        },
        "skeleton": network.skeleton.to_json(),
        "calibration": calibration_from_card(weights, keypoints).to_json(),
        **{key: weights[key] for key in TAKEN if key in weights},
        "model": network.model_config.model_dump(mode="json"),
        "codec": network.codec_config.model_dump(mode="json"),
    }


def card_text(card: Mapping[str, Any]) -> str:
    """For the file's own metadata."""
    return json.dumps(card, ensure_ascii=False, separators=(",", ":"))


def sidecar_text(card: Mapping[str, Any], file: Mapping[str, Any], parity: Mapping[str, Any]) -> str:
    """For `FILE.json`: the card, which file it belongs to, and the proof."""
    first = {key: card[key] for key in ("format", "version", "name", "to")}
    return json.dumps({**first, "file": file, "parity": parity, **card}, indent=1, ensure_ascii=False) + "\n"
