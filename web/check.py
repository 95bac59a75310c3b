"""What PyTorch says of one drawn person, beside the exported file: `python web/check.py WEIGHTS FOLDER`.

The page asks its own engine the same before it uses it, so that a browser whose arithmetic is wrong is never believed.
"""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import torch

from glasspose.calibration import calibration_from_card
from glasspose.checkpoint import load_weights
from glasspose.data.loading import normalise
from glasspose.exporting.pictures import default_crops


def witness(weights, folder):
    """Of the first drawn person with at least half of the keypoints seen."""
    sidecar = json.loads((folder / "pose.onnx.json").read_text())
    network, card = load_weights(weights)
    thresholds = np.array(calibration_from_card(card, len(network.skeleton)).seen)
    crops = default_crops(network.input_size)
    with torch.inference_mode():
        keypoints, scores = (
            part.double().numpy() for part in network.eval().keypoints(normalise(torch.from_numpy(crops)), flip_test=sidecar["flip_test"])
        )
    seen = scores >= thresholds
    chosen = int(np.argmax(seen[2:].mean(1) >= 0.5)) + 2  # the portraits come first
    return {
        "crop": base64.b64encode(crops[chosen].tobytes()).decode(),
        "keypoints": keypoints[chosen].round(4).tolist(),
        "scores": scores[chosen].round(4).tolist(),
        "seen": seen[chosen].tolist(),
    }


if __name__ == "__main__":
    out = Path(sys.argv[2])
    (out / "check.json").write_text(json.dumps(witness(sys.argv[1], out)))
