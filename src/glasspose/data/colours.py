"""What augmentation does to the levels of a view. No keypoint moves, and everything random comes from the generator that is handed in."""

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from glasspose.configs.augmentation import Augmentation

Crop = UInt8[np.ndarray, "H W 3"]
SHARPEN = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32)
"""A view plus its differences from the neighbours."""


def recoloured(image: Crop, options: Augmentation, rng: np.random.Generator) -> Crop:
    """Gain of channels, brightness and contrast; grey; blur; then some of the four steps, in any order."""
    image = _exposed(image, options.colour, rng) if options.colour > 0 else image
    if rng.random() < options.grey:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < options.blur:
        sigma = rng.uniform(*options.blur_sigma) * image.shape[0] / 128
        image = cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.1 else image
    if options.colour_steps > 0:
        steps = [step for step, strengths in STEPS.items() if any(getattr(options, name) > 0 for name in strengths)]
        for place in rng.permutation(len(steps))[: rng.integers(0, options.colour_steps + 1)]:
            image = steps[place](image, options, rng)
    return image


def _exposed(image: Crop, share: float, rng: np.random.Generator) -> Crop:
    gain = (1 + rng.uniform(-share, share)) * (1 + rng.uniform(-share / 2, share / 2, 3))
    shift = rng.uniform(-share, share) * 64
    ramp = (np.arange(256)[:, None] - 128) * gain + 128 + shift
    return np.asarray(cv2.LUT(image, np.clip(ramp, 0, 255).astype(np.uint8)[None]))


def hue_and_saturation(image: Crop, options: Augmentation, rng: np.random.Generator) -> Crop:
    """OpenCV's hue has 180 parts to the circle."""
    turn, growth = rng.uniform(-options.hue, options.hue, 2)
    h, s, v = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    turned = ((h.astype(np.float32) + turn * 180 / 256) % 180).astype(np.uint8)
    grown = np.where(s > 0, np.clip(s + growth, 0, 255), 0).astype(np.uint8)  # grey has no hue that could grow
    return np.asarray(cv2.cvtColor(cv2.merge([turned, grown, v]), cv2.COLOR_HSV2RGB))


def brightness_or_contrast(image: Crop, options: Augmentation, rng: np.random.Generator) -> Crop:
    """One of both."""
    if rng.random() < 0.5:
        return _levels(image, 1.0, float(rng.uniform(-options.brightness, options.brightness)))
    gain = 1 + float(rng.uniform(-options.contrast, options.contrast))
    return _levels(image, gain, 128 * (1 - gain))


def sharpened(image: Crop, options: Augmentation, rng: np.random.Generator) -> Crop:
    """The view mixed with a sharpened one that may be lighter or darker."""
    share, light = rng.uniform(0, options.sharpen), rng.uniform(-options.sharpen_light, options.sharpen_light)
    kernel = SHARPEN.copy()
    kernel[1, 1] += 1 + light
    mixed = share * kernel
    mixed[1, 1] += 1 - share
    return np.asarray(cv2.filter2D(image, -1, mixed, borderType=cv2.BORDER_REFLECT_101))


def dropout_or_noise(image: Crop, options: Augmentation, rng: np.random.Generator) -> Crop:
    """Black pixels, or grain."""
    if rng.random() < 0.5:
        kept = rng.random(image.shape[:2]) >= rng.uniform(0, options.dropout)
        return np.asarray(np.where(kept[..., None], image, np.uint8(0)))
    grain = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0, options.noise) * 255)
    return np.asarray(np.clip(np.rint(image + grain), 0, 255).astype(np.uint8))


def _levels(image: Crop, gain: float, shift: float) -> Crop:
    ramp = np.clip(np.rint(np.arange(256) * gain + shift), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, ramp))


STEPS: Mapping[Callable[[Crop, Augmentation, np.random.Generator], Crop], Sequence[str]] = {
    hue_and_saturation: ("hue",),
    brightness_or_contrast: ("brightness", "contrast"),
    sharpened: ("sharpen",),
    dropout_or_noise: ("dropout", "noise"),
}
"""And the options that switch each of them on."""
