"""Ten ways in which photographs go bad, each at three strengths, in the manner of ImageNet-C (Hendrycks and Dietterich 2019) and PoseBench.

Written anew with OpenCV and NumPy: kinds and order of strengths are theirs, the constants are ours, so that scores are not comparable.
Lengths are shares of the picture's height. Strength 0 gives the picture back bit for bit. Letters: H W picture.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from jaxtyping import Float

from glasspose.structures import Image

STRENGTHS = 3
Corruption = Callable[[Image, int, np.random.Generator], Image]


def corrupted(image: Image, kind: str, strength: int, rng: np.random.Generator) -> Image:
    """The picture with one corruption at strength 0 to 3."""
    return image.copy() if strength == 0 else CORRUPTIONS[kind](image, strength - 1, rng)


def _bytes(values: Float[np.ndarray, "H W 3"]) -> Image:
    found: np.ndarray = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return found


def _gaussian_noise(image: Image, level: int, rng: np.random.Generator) -> Image:
    return _bytes(image + rng.normal(0.0, (15, 30, 55)[level], image.shape))


def _shot_noise(image: Image, level: int, rng: np.random.Generator) -> Image:
    photons = (60, 20, 7)[level]
    return _bytes(rng.poisson(image / 255 * photons) / photons * 255)


def _defocus(image: Image, level: int, rng: np.random.Generator) -> Image:
    radius = (0.012, 0.022, 0.035)[level] * image.shape[0]
    reach = int(np.ceil(radius))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = np.clip(radius + 0.5 - np.hypot(rows, columns), 0, 1)
    return np.asarray(cv2.filter2D(image, -1, disk / disk.sum(), borderType=cv2.BORDER_REFLECT))


def _motion_blur(image: Image, level: int, rng: np.random.Generator) -> Image:
    reach = max(1, round((0.02, 0.04, 0.065)[level] * image.shape[0]))
    angle = rng.uniform(0, np.pi)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    step = reach * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(round(float(v)) for v in reach + sign * step) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT))


def _brightness(image: Image, level: int, rng: np.random.Generator) -> Image:
    change = (45, 80, 115)[level] * rng.choice([-1.0, 1.0])
    return _bytes(image + change)


def _contrast(image: Image, level: int, rng: np.random.Generator) -> Image:
    mean = image.mean((0, 1), keepdims=True)
    return _bytes(mean + (0.5, 0.3, 0.15)[level] * (image - mean))


def _jpeg(image: Image, level: int, rng: np.random.Generator) -> Image:
    written = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, (25, 12, 5)[level]])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR))[..., ::-1])


def _pixelate(image: Image, level: int, rng: np.random.Generator) -> Image:
    return _resampled(image, (0.5, 0.3, 0.18)[level], cv2.INTER_NEAREST)


def _low_resolution(image: Image, level: int, rng: np.random.Generator) -> Image:
    return _resampled(image, (0.5, 0.3, 0.18)[level], cv2.INTER_LINEAR)


def _resampled(image: Image, share: float, back: int) -> Image:
    size = (max(1, round(share * image.shape[1])), max(1, round(share * image.shape[0])))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=back))


def _fog(image: Image, level: int, rng: np.random.Generator) -> Image:
    """White of uneven thickness: noise of four coarse scales."""
    height, width = image.shape[:2]
    cloud = np.zeros((height, width), np.float32)
    for octave in range(4):
        side = 2 ** (octave + 1) + 1
        coarse = rng.random((side, side)).astype(np.float32)
        cloud += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    cloud = (cloud - cloud.min()) / max(float(np.ptp(cloud)), 1e-6)
    thick = (0.35, 0.55, 0.75)[level] * (0.7 + 0.3 * cloud[..., None])
    return _bytes(image * (1 - thick) + 235 * thick)


CORRUPTIONS: Mapping[str, Corruption] = {
    "gaussian noise": _gaussian_noise,
    "shot noise": _shot_noise,
    "defocus": _defocus,
    "motion blur": _motion_blur,
    "brightness": _brightness,
    "contrast": _contrast,
    "jpeg": _jpeg,
    "pixelate": _pixelate,
    "fog": _fog,
    "low resolution": _low_resolution,
}
