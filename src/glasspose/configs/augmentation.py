"""What augmentation does to a view, and the sets of it that a name stands for. Nothing here imports torch."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from glasspose.configs.config import Config

Share = Annotated[float, Field(ge=0, le=1)]


def _uvic(spread: float, rotation: float, hue: float, brightness: float, contrast: float, **more: float) -> dict[str, Any]:
    """Blur is given there at 256 pixels; every second example is mirrored, and nothing is moved, cut off or covered."""
    off = dict.fromkeys(("scale", "translation", "wide", "close", "cut", "colour", "grey", "occlusion"), 0.0)
    same: dict[str, Any] = {"flip": 0.5, "blur": 0.3, "blur_sigma": (0.0, spread / 2), "rotate_or_pad": True}
    return off | same | {"rotation": rotation, "hue": hue, "brightness": brightness, "contrast": contrast} | more


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "light": _uvic(1.0, 15, 15, 20, 0.10, pad=0.15, colour_steps=2, dropout=0.03, noise=0.01),
    "medium": _uvic(1.5, 25, 20, 25, 0.15, pad=0.20, colour_steps=3, sharpen=0.5, sharpen_light=0.15, dropout=0.05, noise=0.03),
    "heavy": _uvic(2.0, 30, 30, 30, 0.25, pad=0.25, colour_steps=3, sharpen=1.0, sharpen_light=0.2, dropout=0.10, noise=0.05),
}


ELSEWHERE = ("wide", "close", "cut", "grey", "blur", "occlusion", "pad", "rotate_or_pad", "colour_steps")
"""What is done to one picture after the other on the CPU, and not to a batch on the device."""


class Augmentation(Config):
    """What changes from epoch to epoch. Every share is a probability; the documents' own recipes use scale 0.25 and rotation 30."""

    preset: Literal["own", "light", "medium", "heavy"] = "own"
    """light, medium, heavy: the sets of the COCO-Human-Pose report (University of Victoria 2021); values given beside it win over it."""
    flip: Share = 0.5
    rotation: Annotated[float, Field(ge=0, le=180)] = 30.0
    """Degrees: a normal distribution with this two-sigma, cut off there, for 60 % of the samples."""
    pad: Annotated[float, Field(ge=0, le=0.45)] = 0.0
    """Each side of the view moves in or out by up to this share, so that its aspect changes."""
    rotate_or_pad: bool = False
    """Instead: half of the views unchanged, a quarter padded, a quarter rotated by a uniform angle."""
    scale: Annotated[float, Field(ge=0, le=2)] = 0.25
    """Natural logarithm: uniform within plus and minus this."""
    translation: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the view's side, uniform within plus and minus this."""
    wide: Share = 0.15
    """Views between the person's square and the whole picture, as the first pass of `predict` sees it."""
    close: Share = 0.15
    """Views of the upper body, the lower body, or head and shoulders, with the rest of the person cut off."""
    cut: Share = 0.1
    """Pictures that end within the person on one side."""
    colour: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Brightness, contrast and the gain of each channel vary by up to this share."""
    grey: Share = 0.05
    blur: Share = 0.1
    blur_sigma: tuple[float, float] = (0.4, 1.5)
    """Smallest and largest, in pixels of a view that is 128 high."""
    colour_steps: Annotated[int, Field(ge=0, le=4)] = 0
    """Instead of `colour`: at most so many of the following four on one view (0 to that many by chance), in any order."""
    hue: Annotated[float, Field(ge=0, le=180)] = 0.0
    """First step: hue turns and saturation grows by up to plus and minus this (hue: of 256 for the whole circle; saturation: of 255)."""
    brightness: Annotated[float, Field(ge=0, le=255)] = 0.0
    """Second step, in half of the cases: levels rise or fall by up to this."""
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Second step, in the other half: distances from the middle grey change by up to this share."""
    sharpen: Share = 0.0
    """Third step: how much of a sharpened view is mixed in, at most."""
    sharpen_light: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """And by which share that view may be lighter or darker."""
    dropout: Share = 0.0
    """Fourth step, in half of the cases: up to this share of the pixels is black."""
    noise: Share = 0.0
    """Fourth step, in the other half: Gaussian noise on every level, with a deviation of up to this share of 255."""
    occlusion: Share = 0.2
    """A rectangle of noise, of one colour or of another part of the picture hides a part; its keypoints stay labelled."""

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, given: Any) -> Any:
        """Fill in the values of the preset that are not given."""
        preset = given.get("preset") if isinstance(given, dict) else None
        return {**PRESETS[preset], **given} if isinstance(preset, str) and preset in PRESETS else given
