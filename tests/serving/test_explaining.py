"""A small explanation in this process: its form, its checks and its refusals."""

import base64

import cv2
import jsonschema
import numpy as np
import pytest

from dots_for_tests import FIGURE, dot_picture
from glasspose.errors import MissingError
from glasspose.images import LIMITS
from glasspose.prediction import load
from glasspose.serving.asking import METHODS
from glasspose.serving.document import document
from glasspose.serving.explaining import Explainer
from glasspose.serving.settings import Settings
from serving_for_tests import encoded

pytestmark = pytest.mark.usefixtures("one_thread")
GOOD = encoded(dot_picture(FIGURE))


@pytest.fixture(scope="module")
def explainer(nano_weights):
    return Explainer(str(nano_weights), LIMITS)


@pytest.fixture(scope="module")
def keypoint(nano_weights):
    """The one that the network is surest of."""
    predictor = load(nano_weights, device="cpu", flip_test=False)
    return predictor.skeleton.keypoints[int(predictor.heatmaps(dot_picture(FIGURE))[0][-1].max((1, 2)).argmax())]


@pytest.mark.parametrize("method", METHODS)
def test_an_explanation_has_its_method_and_verdict(explainer, keypoint, method):
    found = explainer.answer({"keypoint": keypoint, "method": method, "box": None}, GOOD)
    told = found.told["explanation"]
    jsonschema.validate(told, {"$ref": "#/components/schemas/Explanation", "components": document(Settings())["components"]})
    assert (told["method"], told["keypoint"]) == (method, keypoint)
    assert told["verdict"] == "NOT FAITHFUL", "the card keeps no verdict"
    assert len(told["checks"]) == 3
    assert base64.b64decode(told["overlay"]) == found.picture
    assert cv2.imdecode(np.frombuffer(found.picture, np.uint8), cv2.IMREAD_COLOR).shape[0] >= 64


def test_what_cannot_be_explained_is_a_problem(explainer, keypoint, tmp_path):
    junk = explainer.answer({"keypoint": keypoint, "method": METHODS[0], "box": None}, b"junk")
    empty = explainer.answer({"keypoint": keypoint, "method": METHODS[0], "box": [5.0, 5.0, 5.0, 9.0]}, GOOD)
    assert junk.told["problem"]["code"] == "image"
    assert empty.told["problem"]["code"] == "usage"
    with pytest.raises(MissingError):
        Explainer("model.onnx", LIMITS)
