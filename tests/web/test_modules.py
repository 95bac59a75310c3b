"""The page's pure modules in node, against numbers that Python writes."""

import base64
import json
import os
import subprocess

import numpy as np
import pytest

from glasspose.calibration import calibration_from_card
from glasspose.checkpoint import load_weights
from glasspose.exporting.cards import card_of
from glasspose.geometry import compose, crop_matrix, extent, fit_aspect, inside, invert, resize_matrix, warp
from glasspose.prediction import DEFAULT, Predictor
from page_for_tests import WEB, node


def geometry(rng):
    for _ in range(40):
        corner, size = rng.uniform(-50, 200, 2), rng.integers(32, 300, 2)
        box = np.concatenate([corner, corner + rng.uniform(1, 300, 2)])
        points = rng.uniform(-30, 320, (14, 2))
        fitted = fit_aspect(box, tuple(size), 1.25)
        matrix = crop_matrix(fitted, tuple(size))
        resized = resize_matrix(tuple(size), (40, 50))
        yield {
            "box": box, "size": size, "points": points, "fitted": fitted, "matrix": matrix.ravel(), "back": invert(matrix).ravel(),
            "composed": compose(resized, matrix).ravel(), "extent": extent(points, np.ones(14, bool)), "inside": inside(points, tuple(size)),
        }  # fmt: skip


def pictures(rng):
    """Noise is the hardest: every level is wrong where a place is."""
    for height, width, reach in (
        (97, 131, 1.0),
        (300, 257, 1.0),
        (300, 256, 1.7),
        (64, 40, 0.4),
        (401, 222, 2.5),
        (1, 1, 1.0),
        (500, 3, 1.0),
        (120, 128, 1.0),
        (200, 188, 1.0),
        (192, 144, 1.0),
    ):
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        middle = np.array([width, height, width, height]) * rng.uniform(0.3, 0.7)
        box = fit_aspect(middle + reach * max(height, width) * np.array([-1, -1, 1, 1]) / 2, (64, 48))
        yield {"size": (height, width), "image": text(image), "box": box, "crop": text(warp(image, crop_matrix(box, (64, 48)), (64, 48)))}


def answers(predictor, rng):
    """Scores around the thresholds, places in and around the picture: every branch of the rule."""
    seen = np.array(predictor.calibration.seen)
    for n in range(120):
        height, width = (int(v) for v in rng.integers(20, 600, 2))
        image = np.zeros((height, width, 3), np.uint8)
        points = rng.uniform(-0.2, 1.2, (len(seen), 2)) * [width, height]
        scores = np.clip(seen * rng.uniform(0, (0.6, 1.4, 5)[n % 3], len(seen)), 0, 1)
        scores[:6] *= rng.choice([0.1, 1])
        told = np.column_stack([points, scores])
        second = predictor._second(image, points, scores).box
        yield {"size": (height, width), "points": points, "scores": scores, "second": second, "poses": predictor._alone(image, told).to_json("a.jpg")}


def text(pixels):
    return base64.b64encode(pixels.tobytes()).decode()


def plain(value):
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(type(value))


@pytest.fixture(scope="session")
def vectors(tmp_path_factory):
    network, card = load_weights(DEFAULT)
    predictor = Predictor(network, calibration_from_card(card, len(network.skeleton)), device="cpu")
    rng = np.random.default_rng(6)
    made = {
        "card": card_of(network, card, to="onnx", flip_test=True, int8=False),
        "geometry": list(geometry(rng)),
        "pictures": list(pictures(rng)),
        "answers": list(answers(predictor, rng)),
    }
    path = tmp_path_factory.mktemp("vectors") / "vectors.json"
    path.write_text(json.dumps(made, default=plain))
    return path


def test_the_vectors_reach_every_branch(vectors):
    made = json.loads(vectors.read_text())
    people = [len(answer["poses"]["people"]) for answer in made["answers"]]
    assert 20 < sum(people) < 110
    ratios = [extent_ratio(answer) for answer in made["answers"]]
    assert len({round(ratio, 1) for ratio in ratios}) > 20


def extent_ratio(answer):
    x1, _, x2, _ = answer["second"]
    return (x2 - x1) / max(answer["size"])


def test_modules(vectors):
    environment = {**os.environ, "VECTORS": str(vectors)}
    done = subprocess.run([node(), "--test", *sorted(map(str, (WEB / "tests").glob("*.test.js")))], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "# fail 0" in done.stdout
    assert "# skipped 0" in done.stdout
