"""Make the gallery of hard cases: `make docs-pictures`. It prints the table of docs/gallery.md, and writes both of its pictures.

Only drawn people and the portrait that ships inside matplotlib are shown. Nothing is picked by its answer: people are the first that a rule
about their labels finds.
"""

import tempfile
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np

from glasspose.configs.data import DrawnPeople
from glasspose.data import read
from glasspose.drawing import contact_sheet, draw_poses
from glasspose.images import load_image, save_image
from glasspose.prediction import Predictor, load
from glasspose.skeletons import LSP
from glasspose.structures import Annotation

IMAGES = Path(__file__).parent / "images"
PEOPLE, SHOWN, SIDE = 600, 4, 210


def across(person: Annotation, joint: str) -> float:
    """How far the left joint lies to the right of the right one in the picture, in torso lengths; NaN where a label is missing."""
    left, right = LSP.index(f"left_{joint}"), LSP.index(f"right_{joint}")
    known = person.labelled[left] and person.labelled[right] and person.torso
    return float((person.keypoints[left, 0] - person.keypoints[right, 0]) / person.torso) if known and person.torso else float("nan")


def upright(person: Annotation) -> bool:
    neck, hip = LSP.index("neck"), LSP.index("right_hip")
    return bool(person.labelled[[neck, hip]].all() and person.keypoints[neck, 1] < person.keypoints[hip, 1])


RULES = {
    "from the front": lambda p: upright(p) and across(p, "shoulder") > 0.3,
    "from the back": lambda p: upright(p) and across(p, "shoulder") < -0.3,
    "crossed legs": lambda p: across(p, "hip") * across(p, "ankle") < 0 and abs(across(p, "ankle")) > 0.15,
    "hidden face": lambda p: bool(p.occluded[[LSP.index("neck"), LSP.index("head_top")]].any()),
    "partial body": lambda p: 4 <= p.labelled.sum() <= 10,
    "upside down": lambda p: bool(p.labelled[[12, 2]].all() and p.keypoints[12, 1] > p.keypoints[2, 1] + 0.3 * (p.torso or np.inf)),
}
"""What each row of the gallery shows, by the labels alone."""


def drawn_people(predictor: Predictor) -> None:
    """PCK by kind of case, and the first few people of each with the network's answer."""
    with tempfile.TemporaryDirectory() as folder:
        people = read(DrawnPeople(count=PEOPLE, seed=11, split="gallery", folder=Path(folder))).annotations
        pictures = [load_image(str(person.image)) for person in people]
    poses = predictor.predict_batch(pictures, [person.box[None] for person in people])
    shown, captions = [], []
    print("| drawn people | people | PCK@0.2 (95 % interval) | left and right exchanged |\n|---|---|---|---|")
    for name, rule in {"all": lambda _: True, **RULES}.items():
        chosen = [i for i, person in enumerate(people) if rule(person)]
        print(row(name, [people[i] for i in chosen], np.stack([poses[i].keypoints[0] for i in chosen])))
        if name != "all":
            shown += [draw_poses(pictures[i], poses[i]) for i in chosen[:SHOWN]]
            captions += [name] * len(chosen[:SHOWN])
    save_image(IMAGES / "gallery-drawn.jpg", contact_sheet(shown, captions, 2 * SHOWN, 160), 80)


def row(name: str, people: list[Annotation], answers: np.ndarray) -> str:
    """Hits over all joints in one pool; a joint is exchanged where it is wrong and lies on its twin instead."""
    usable = [i for i, person in enumerate(people) if person.torso]
    truth = np.stack([people[i].keypoints for i in usable])
    labelled = np.stack([people[i].labelled for i in usable])
    unit = np.array([people[i].torso for i in usable])[:, None]
    hit = np.linalg.norm(answers[usable] - truth, axis=-1) <= 0.2 * unit
    twin = list(LSP.flip)
    on_twin = (
        ~hit & labelled[:, twin] & (np.linalg.norm(answers[usable] - truth[:, twin], axis=-1) <= 0.2 * unit) & (np.array(twin) != np.arange(len(LSP)))
    )
    rng, counted = np.random.default_rng(0), labelled.sum(1)
    draws = rng.integers(0, len(usable), (2000, len(usable)))
    spread = (hit & labelled).sum(1)[draws].sum(1) / counted[draws].sum(1)
    low, high = np.quantile(spread, [0.025, 0.975])
    return (
        f"| {name} | {len(usable)} | {100 * (hit & labelled).sum() / counted.sum():.1f} % ({100 * low:.1f} to {100 * high:.1f}) "
        f"| {100 * (on_twin & labelled).sum() / counted.sum():.1f} % |"
    )


def portrait(predictor: Predictor) -> None:
    """The portrait, made harder step by step, through predict's own two passes."""
    photo = load_image(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    height, width = photo.shape[:2]
    masked = photo.copy()
    cv2.ellipse(masked, (width // 2, round(0.29 * height)), (round(0.2 * width), round(0.2 * height)), 0, 0, 360, (128, 128, 128), -1)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    lines = cv2.divide(grey, 255 - cv2.GaussianBlur(255 - grey, (0, 0), 6), scale=256)
    cases = {
        "as it is": photo,
        "the head alone": np.ascontiguousarray(photo[: round(0.5 * height), round(0.2 * width) : round(0.8 * width)]),
        "without the head": np.ascontiguousarray(photo[round(0.5 * height) :]),
        "face hidden": masked,
        "a pencil drawing": cv2.cvtColor(lines, cv2.COLOR_GRAY2RGB),
        "almost dark": (photo * 0.12).astype(np.uint8),
        "upside down": np.ascontiguousarray(photo[::-1, ::-1]),
        "no person": np.ascontiguousarray(photo[: round(0.35 * height), : round(0.24 * width)]),
    }
    answers = {name: predictor.predict(picture) for name, picture in cases.items()}
    for name, poses in answers.items():
        seen = [key for key, known in zip(LSP.keypoints, poses.seen[0], strict=True) if known] if len(poses) else []
        print(f"{name}: {len(poses)} people; seen: {', '.join(seen) or 'nothing'}")
    drawn = [draw_poses(cases[name], poses) for name, poses in answers.items()]
    save_image(IMAGES / "gallery-portrait.jpg", contact_sheet(drawn, list(cases), len(cases) // 2, SIDE), 82)


if __name__ == "__main__":
    shipped = load("hourglass-tiny-lsp", device="cpu", engine="torch")
    portrait(shipped)
    drawn_people(shipped)
