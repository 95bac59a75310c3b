"""What a worker does with pictures: opens them, finds the people, draws them. One bad picture never spoils the answers to others."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from glasspose.drawing import draw_poses
from glasspose.errors import GlassposeError
from glasspose.images import Limits, encode_jpeg, load_image
from glasspose.prediction import Predictor
from glasspose.structures import Image, Poses

PIXELS_AT_ONCE = 64_000_000
"""Of opened pictures: beyond it a batch is done in parts, so that memory stays bounded."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answered:
    """What became of one picture: poses as JSON and perhaps a picture of them, or a problem."""

    told: Mapping[str, Any]
    picture: bytes = b""


def answer(predictor: Predictor, orders: Sequence[Mapping[str, Any]], pictures: Sequence[bytes], limits: Limits) -> list[Answered]:
    """An answer for each picture, in order. An order has `boxes` (a list, or None) and `overlay` (jpeg, png or None)."""
    answers: dict[int, Answered] = {}
    opened: dict[int, Image] = {}
    for i, data in enumerate(pictures):
        try:
            opened[i] = load_image(data, limits, name="the picture")
        except GlassposeError as problem:
            answers[i] = _refused(problem)
        if sum(image.shape[0] * image.shape[1] for image in opened.values()) > PIXELS_AT_ONCE:
            answers |= _found(predictor, orders, opened)
            opened = {}
    answers |= _found(predictor, orders, opened)
    return [answers[i] for i in range(len(pictures))]


def _found(predictor: Predictor, orders: Sequence[Mapping[str, Any]], opened: Mapping[int, Image]) -> dict[int, Answered]:
    """All that have boxes in one go, all without in another; where that fails, each alone, so that one cannot spoil the others."""
    poses: dict[int, Poses | GlassposeError] = {}
    for boxed in (True, False):
        chosen = [i for i in opened if (orders[i]["boxes"] is not None) == boxed]
        if not chosen:
            continue
        try:
            poses |= dict(zip(chosen, _predict(predictor, orders, opened, chosen), strict=True))
        except Exception:
            for i in chosen:
                poses[i] = _alone(predictor, orders, opened, i)
    return {i: _told(orders[i], opened[i], poses[i]) for i in opened}


def _alone(predictor: Predictor, orders: Sequence[Mapping[str, Any]], opened: Mapping[int, Image], i: int) -> Poses | GlassposeError:
    try:
        return _predict(predictor, orders, opened, [i])[0]
    except GlassposeError as problem:
        return problem
    except Exception:
        traceback.print_exc()  # into the server's log
        return GlassposeError("the service made a mistake with this picture")


def _predict(predictor: Predictor, orders: Sequence[Mapping[str, Any]], opened: Mapping[int, Image], chosen: Sequence[int]) -> list[Poses]:
    images = [opened[i] for i in chosen]
    if orders[chosen[0]]["boxes"] is None:
        return predictor.predict_batch(images)
    return predictor.predict_batch(images, [np.asarray(orders[i]["boxes"], np.float64).reshape(-1, 4) for i in chosen])


def _told(order: Mapping[str, Any], image: Image, poses: Poses | GlassposeError) -> Answered:
    if isinstance(poses, GlassposeError):
        return _refused(poses)
    told = {"poses": poses.to_json()}
    if not order["overlay"]:
        return Answered(told=told)
    drawn = draw_poses(image, poses)
    return Answered(told=told, picture=png(drawn) if order["overlay"] == "png" or max(drawn.shape) > 65_500 else encode_jpeg(drawn))


def png(image: Image) -> bytes:
    """An RGB image as PNG."""
    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 3])
    assert done
    return bytes(data.tobytes())


def _refused(problem: GlassposeError) -> Answered:
    return Answered(told={"problem": {"code": problem.code, "message": str(problem)}})
