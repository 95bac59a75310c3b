"""What Python says, for the tests of the Java core: inputs and answers of glasspose's own functions, as one JSON file.

    python android/vectors.py vectors.json

Arrays of numbers are lists; pictures are {width, height, rgb} with the bytes in base64; maps are float32, little-endian, in base64.
"""

import base64
import hashlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import matplotlib.cbook
import numpy as np
import torch
from PIL import Image as Pillow

from glasspose.calibration import calibration_from_card, person_scores
from glasspose.checkpoint import load_weights
from glasspose.codecs.heatmap import HeatmapCodec
from glasspose.configs.codecs import Heatmap
from glasspose.configs.data import DrawnPeople
from glasspose.data.drawn_people import read_drawn_people
from glasspose.data.loading import normalise
from glasspose.exporting.cards import card_of, sidecar_text
from glasspose.geometry import PADDING, compose, crop_matrix, extent, fit_aspect, flip_matrix, inside, invert, resize_matrix, transform, warp
from glasspose.images import load_image
from glasspose.prediction import Predictor
from glasspose.structures import DEVIATION, MEAN, Image

WEIGHTS = "hourglass-tiny-lsp"
MODEL = b"not a network, but a file with a checksum"


@cache
def predictor(*, flip_test: bool = True) -> Predictor:
    """Of the weights that ship, on PyTorch."""
    network, card = load_weights(WEIGHTS)
    return Predictor(network, calibration_from_card(card, len(network.skeleton)), device="cpu", flip_test=flip_test)


def pictures() -> list[Image]:
    """A portrait, an empty wall, a wide part of the portrait, and drawn people: the first, and two that are found."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        portrait = np.asarray(Pillow.open(file).convert("RGB"))
    drawn = [load_image(person.image) for person in read_drawn_people(DrawnPeople(count=40, size=(300, 240))).annotations]
    found = [image for image, poses in zip(drawn, predictor().predict_batch(drawn), strict=True) if len(poses)]
    wall = np.full((240, 320, 3), 90, np.uint8)
    return [portrait, drawn[0], wall, np.ascontiguousarray(portrait[40:180, 150:460]), *found[:2]]


def sidecar() -> str:
    """Of a file without the flip test, as the exporter writes it."""
    network, weights = load_weights(WEIGHTS)
    card = card_of(network, weights, to="executorch", flip_test=False, int8=False)
    return sidecar_text(card, {"name": "pose.pte", "sha256": hashlib.sha256(MODEL).hexdigest(), "bytes": len(MODEL)}, {})


def encoded(array: np.ndarray) -> str:
    """The bytes of an array."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def shown(picture: Image) -> dict[str, Any]:
    """A picture as JSON."""
    return {"width": picture.shape[1], "height": picture.shape[0], "rgb": encoded(picture)}


def geometry(rng: np.random.Generator) -> dict[str, Any]:
    """Crops, resizes, mirrors, boxes and views of random sizes."""
    cases = []
    for _ in range(50):
        w, h, vw, vh = (int(v) for v in rng.integers(16, 900, 4))
        corner, sides = rng.uniform(-50, 300, 2), rng.uniform(1, 500, 2)
        box, points, margin = [*corner, *(corner + sides)], rng.uniform(-100, 900, (6, 2)), float(rng.uniform(1, 3))
        chosen = np.arange(6) < 1 + rng.integers(6)
        crop, view = crop_matrix(box, (h, w)), crop_matrix(fit_aspect((0, 0, w, h), (vh, vw)), (vh, vw))
        cases.append(
            {
                "size": [w, h],
                "view": [vw, vh],
                "box": box,
                "points": points.tolist(),
                "margin": margin,
                "chosen": chosen.tolist(),
                "cropped": transform(points, crop).tolist(),
                "uncropped": transform(points, invert(crop)).tolist(),
                "resized": transform(points, resize_matrix((h, w), (vh, vw))).tolist(),
                "mirrored": transform(points, flip_matrix(w)).tolist(),
                "shown": transform(points, view).tolist(),
                "shown_mirrored": transform(points, compose(view, flip_matrix(w))).tolist(),
                "fitted": fit_aspect(box, (h, w), margin).tolist(),
                "extent": extent(points, chosen).tolist(),
                "inside": inside(points, (h, w)).tolist(),
            }
        )
    edges = np.array([[-0.5, -0.5], [-0.51, 3], [9.5, 3], [9.49, 7.49], [3, 7.5]])
    return {"cases": cases, "edges": {"size": [10, 8], "points": edges.tolist(), "inside": inside(edges, (8, 10)).tolist()}}


def warps(images: list[Image]) -> list[dict[str, Any]]:
    """Crops that enlarge, shrink a little, to a half, to a third, and reach beyond the picture."""
    portrait, drawn = images[0], images[1]
    height, width = portrait.shape[:2]
    even = np.ascontiguousarray(portrait[: height // 2 * 2, : width // 2 * 2])
    wanted = [(portrait, 0, 0, width, height, 1.0), (portrait, 100, 50, 160, 110, 1.25), (portrait, 130.3, 20.7, 330.1, 260.9, 1.0)]
    wanted += [(portrait, -90, -300, 610, 700, 1.0), (even, 0, 0, 256, 256, 1.0), (drawn, -10, 3, 90, 200, 1.25), (drawn, 5000, 0, 5100, 100, 1.0)]
    made = []
    for picture, *box, margin in wanted:
        fitted = fit_aspect(box, (128, 128), margin)
        made.append({"picture": shown(picture), "box": fitted.tolist(), "crop": shown(warp(picture, crop_matrix(fitted, (128, 128)), (128, 128)))})
    tall = fit_aspect((10, 10, 200, 300), (96, 64))
    made.append({"picture": shown(portrait), "box": tall.tolist(), "crop": shown(warp(portrait, crop_matrix(tall, (96, 64)), (96, 64)))})
    return made


def normalised(image: Image) -> dict[str, Any]:
    """What a network sees of a crop, channels first."""
    crop = np.ascontiguousarray(image[:64, :48])
    values = normalise(torch.from_numpy(crop)[None])[0].contiguous().numpy()
    return {"crop": shown(crop), "mean": list(MEAN), "deviation": list(DEVIATION), "values": encoded(values.astype("<f4"))}


def heatmaps(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Drawn and noisy maps, of three widths, their peaks in the middle, near the border and on it."""
    skeleton, made = predictor().skeleton, []
    for sigma in (0.7, 1.0, 2.0):
        codec = HeatmapCodec(Heatmap(sigma=sigma), len(skeleton), (128, 96))
        places = torch.from_numpy(rng.uniform(-0.5, [95.5, 127.5], (4, len(skeleton), 2)).astype(np.float32))
        places[1, :5] = torch.tensor([[0.0, 0.0], [95.0, 127.0], [9.5, 9.5], [84.0, 60.0], [50.0, 117.0]])
        drawn = codec.encode(places, torch.ones(4, len(skeleton), dtype=torch.bool))
        own, other = (drawn + torch.from_numpy(rng.normal(0, 0.02, drawn.shape).astype(np.float32)) for _ in range(2))
        own[2] *= 1.3  # scores stay below 1
        mirrored = codec.mirrored(other[:, None], skeleton.flip)[:, 0]  # its own inverse
        average = (own[:, None] + codec.mirrored(mirrored[:, None], skeleton.flip)) / 2
        keypoints, scores = codec.decode(average[:, 0])
        for b in range(4):
            case = {"sigma": sigma, "flip": list(skeleton.flip), "height": 32, "width": 24}
            maps = {"own": own[b], "mirrored": mirrored[b], "average": average[b, 0]}
            case |= {name: encoded(part.numpy().astype("<f4")) for name, part in maps.items()}
            made.append(case | {"keypoints": keypoints[b].tolist(), "scores": scores[b].tolist()})
    return made


def rules(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Random answers of a first pass, about the thresholds, and the box that the second pass is given."""
    finder, made = predictor(flip_test=False), []
    seen = np.array(finder.calibration.seen)
    for _ in range(300):
        w, h = (int(v) for v in rng.integers(40, 600, 2))
        image = np.zeros((h, w, 3), np.uint8)
        keypoints = rng.uniform(-0.2, 1.2, (len(seen), 2)) * [w, h]
        scores = seen * rng.choice([0.1, 0.49, 0.5, 0.51, 0.99, 1.0, 1.01, 3.0], len(seen))
        scores[list(finder.skeleton.lower_body)] *= rng.choice([0.1, 1.0])
        scores *= rng.choice([0.3, 1.0, 1.0])
        kept = finder._seen(image, keypoints, scores)
        told = {"size": [w, h], "keypoints": keypoints.tolist(), "scores": scores.tolist(), "seen": kept.tolist()}
        person = {"person_score": float(person_scores(scores[None])[0])}
        made.append(told | person | {"box": finder._second(image, keypoints, scores).box.tolist()})
    return made


def passes(images: list[Image]) -> list[dict[str, Any]]:
    """What `predict` does with a picture, crop by crop: the crops, the network's answers about them, and the pose."""
    finder, made = predictor(), []
    for image in images:
        steps, crop = [], finder._whole(image)
        for _ in range(2):
            keypoints, scores = finder.network.keypoints(finder._input([crop]), flip_test=True)
            pixels = warp(image, crop.matrix((128, 128)), (128, 128))
            steps.append({"box": crop.box.tolist(), "crop": shown(pixels), "keypoints": keypoints[0].tolist(), "scores": scores[0].tolist()})
            crop = finder._second(image, *(part[0] for part in finder._ask([crop])))
        poses = finder.predict(image)
        told = {"keypoints": poses.keypoints.tolist(), "scores": poses.scores.tolist(), "seen": poses.seen.tolist()}
        made.append({"picture": shown(image), "steps": steps, "people": told, "person_scores": poses.person_scores.tolist()})
    return made


def trust(rng: np.random.Generator) -> dict[str, Any]:
    """Probabilities and radii of random people, small and large."""
    fitted = predictor().calibration.trust
    assert fitted is not None
    scores = rng.uniform(0, 1, (20, len(predictor().skeleton)))
    keypoints = rng.uniform(0, 1, (*scores.shape, 2)) * rng.uniform(0.1, 600, (20, 1, 2))
    seen = rng.random(scores.shape) < 0.5
    told = {"keypoints": keypoints.tolist(), "scores": scores.tolist(), "seen": seen.tolist()}
    return told | {"probabilities": fitted.probabilities(scores).tolist(), "radii": fitted.radii(keypoints, seen).tolist()}


def frames(image: Image) -> list[dict[str, Any]]:
    """Camera frames in the layouts that phones use, and their colours after OpenCV, whose YCrCb is JPEG's."""
    made = []
    for width, height, step, pad in ((64, 48, 1, 0), (64, 48, 2, 16), (33, 21, 1, 3), (33, 21, 2, 1)):
        y, cr, cb = cv2.split(cv2.cvtColor(np.ascontiguousarray(image[30 : 30 + height, 200 : 200 + width]), cv2.COLOR_RGB2YCrCb))
        cb, cr = cb[::2, ::2], cr[::2, ::2]
        wide = [np.repeat(np.repeat(part, 2, 0), 2, 1)[:height, :width] for part in (cb, cr)]
        rgb = cv2.cvtColor(cv2.merge([y, wide[1], wide[0]]), cv2.COLOR_YCrCb2RGB)
        planes = [_plane(y, 1, pad), _plane(cb, step, pad), _plane(cr, step, pad)]
        turned = {str(angle): shown(np.rot90(rgb, -angle // 90)) for angle in (0, 90, 180, 270)}
        made.append({"width": width, "height": height, "planes": planes, "turned": turned, "mirrored": shown(rgb[:, ::-1])})
    return made


def _plane(values: np.ndarray, step: int, pad: int) -> dict[str, Any]:
    """As Android hands it over: nothing after the last pixel of the last row."""
    row = values.shape[1] * step + pad
    held = np.full((len(values), row), 255, np.uint8)
    held[:, : values.shape[1] * step : step] = values
    return {"row": row, "pixel": step, "bytes": encoded(held.ravel()[: (len(values) - 1) * row + (values.shape[1] - 1) * step + 1])}


def vectors() -> dict[str, Any]:
    """Everything, from one seed."""
    rng, images = np.random.default_rng(0), pictures()
    return {
        "sidecar": sidecar(),
        "model": encoded(np.frombuffer(MODEL, np.uint8)),
        "padding": list(PADDING),
        "geometry": geometry(rng),
        "warps": warps(images),
        "normalised": normalised(images[0]),
        "heatmaps": heatmaps(rng),
        "rules": rules(rng),
        "passes": passes(images),
        "trust": trust(rng),
        "frames": frames(images[0]),
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(vectors()))
