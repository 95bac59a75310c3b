"""Draws the page's icons: `python web/icons.py`. A person in an hourglass of limbs, in the colours of every drawing."""

from pathlib import Path

import cv2
import numpy as np

FOLDER = Path(__file__).parent / "src"
PAPER, LEFT, RIGHT, MIDDLE = (18, 20, 22), (86, 180, 233), (230, 97, 0), (190, 190, 190)
"""The blue is lighter than in drawings: it lies on black."""
HEAD, NECK, HIPS = (256, 130), (256, 186), (256, 300)
LIMBS = [
    (NECK, HIPS, MIDDLE),
    (NECK, (180, 236), RIGHT),
    ((180, 236), (150, 150), RIGHT),
    (NECK, (332, 236), LEFT),
    ((332, 236), (362, 150), LEFT),
    (HIPS, (200, 400), RIGHT),
    (HIPS, (312, 400), LEFT),
]


def drawn(side):
    """The icon as RGB, four times as large and then averaged."""
    scale, canvas = side * 4 / 512, np.full((side * 4, side * 4, 3), PAPER, np.uint8)
    at = lambda point: (round(point[0] * scale), round(point[1] * scale))  # noqa: E731
    for a, b, colour in LIMBS:
        cv2.line(canvas, at(a), at(b), colour, round(26 * scale), cv2.LINE_AA)
    cv2.circle(canvas, at(HEAD), round(34 * scale), MIDDLE, -1, cv2.LINE_AA)
    return cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)


def vector():
    """The same as SVG."""
    lines = "".join(f'<path d="M{a[0]} {a[1]}L{b[0]} {b[1]}" stroke="rgb{colour}"/>' for a, b, colour in LIMBS).replace(", ", ",")
    head = f'<circle cx="{HEAD[0]}" cy="{HEAD[1]}" r="34" fill="rgb{MIDDLE}"/>'.replace(", ", ",")
    frame = f'<rect width="512" height="512" fill="rgb{PAPER}"/>'.replace(", ", ",")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512">{frame}<g stroke-width="26" stroke-linecap="round">{lines}</g>{head}</svg>\n'
    )


if __name__ == "__main__":
    (FOLDER / "icon.svg").write_text(vector())
    for side in (192, 512):
        cv2.imwrite(str(FOLDER / f"icon-{side}.png"), drawn(side)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
