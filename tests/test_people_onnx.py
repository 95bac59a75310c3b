import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasspose.errors import InputError, MissingError, UsageError, WeightsError
from glasspose.people import open_detector
from glasspose.people.onnx_detector import _prepare
from glasspose.people.sidecar import Input

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

IMAGE = np.zeros((200, 100, 3), np.uint8)
SIDECAR = {
    "format": "glasspose.detector",
    "version": 1,
    "input": {"name": "image", "size": [64, 64]},
    "boxes": {"output": "boxes"},
    "scores": {"output": "scores"},
}
CORNERS = [[16.0, 16, 32, 48], [32, 0, 80, 64], [40, 40, 50, 50]]
SCORES = [0.6, 0.9, 0.3]


def made(folder, outputs, *, sidecar=None, kind=TensorProto.FLOAT, shape=(1, 3, 64, 64), mean=None):
    """A network that always answers `outputs`; `mean` names one that is the mean of its input instead."""
    nodes = [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(v))) for name, v in outputs.items()]
    infos = [helper.make_tensor_value_info(name, numpy_helper.from_array(np.asarray(v)).data_type, np.shape(v)) for name, v in outputs.items()]
    if mean:
        nodes.append(helper.make_node("ReduceMean", ["image"], [mean], axes=[1, 2, 3], keepdims=0))
        infos.append(helper.make_tensor_value_info(mean, kind, [1]))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("image", kind, shape)], infos)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "tiny.onnx")
    (folder / "tiny.json").write_text(json.dumps(sidecar or SIDECAR))
    return str(folder / "tiny.onnx")


def changed(**parts):
    return SIDECAR | {name: SIDECAR.get(name, {}) | value if isinstance(value, dict) else value for name, value in parts.items()}


def plain(folder, **more):
    return made(folder, {"boxes": np.float32(CORNERS), "scores": np.float32(SCORES)}, **more)


def test_boxes_come_back_in_image_pixels_clipped_and_the_surest_first(tmp_path):
    found = open_detector(plain(tmp_path))(IMAGE)
    assert np.allclose(found.boxes, [[50, 0, 100, 200], [25, 50, 50, 150]])
    assert np.allclose(found.scores, [0.9, 0.6])


@pytest.mark.parametrize(("fit", "box"), [("letterbox", [0, 50, 50, 150]), ("letterbox_corner", [50, 50, 100, 150])])
def test_a_letterbox_is_undone(tmp_path, fit, box):
    found = open_detector(plain(tmp_path, sidecar=changed(input={"fit": fit})))(IMAGE)
    assert np.allclose(found.boxes[-1], box)


@pytest.mark.parametrize(
    ("form", "boxes"),
    [("xywh", [[16, 16, 16, 32]]), ("cxcywh", [[24, 32, 16, 32]]), ("xyxy", [[16, 16, 32, 48]])],
)
@pytest.mark.parametrize("unit", ["pixels", "fractions"])
def test_every_way_to_write_a_box_means_the_same(tmp_path, form, unit, boxes):
    written = np.float32(boxes) / (64 if unit == "fractions" else 1)
    name = made(tmp_path, {"boxes": written, "scores": np.float32([0.9])}, sidecar=changed(boxes={"form": form, "unit": unit}))
    assert np.allclose(open_detector(name)(IMAGE).boxes, [[25, 50, 50, 150]])


LAYOUTS = {
    "batch axis": ({"boxes": np.float32([CORNERS]), "scores": np.float32([SCORES])}, {}),
    "a column of scores": ({"boxes": np.float32([CORNERS]), "scores": np.float32([SCORES])[..., None]}, {}),
    "classes": ({"boxes": np.float32(CORNERS), "scores": np.float32([[0.1, s] for s in SCORES])}, {"person_class": 1}),
    "labels": (
        {"boxes": np.float32([*CORNERS, [0, 0, 9, 9]]), "scores": np.float32([*SCORES, 0.9]), "labels": np.int64([1, 1, 1, 2])},
        {"labels": {"output": "labels"}, "person_class": 1},
    ),
    "one table": (
        {"all": np.float32([[[*c, s, 7] for c, s in zip(CORNERS, SCORES, strict=True)] + [[0, 0, 9, 9, 0.9, 3]]])},
        {
            "boxes": {"output": "all", "columns": [0, 4]},
            "scores": {"output": "all", "columns": [4, 5]},
            "labels": {"output": "all", "columns": [5, 6]},
            "person_class": 7,
        },
    ),
    "one column a box": (
        {"all": np.float32([[[*c, 0.2, s] for c, s in zip(CORNERS, SCORES, strict=True)]]).transpose(0, 2, 1)},
        {
            "boxes": {"output": "all", "columns": [0, 4], "transposed": True},
            "scores": {"output": "all", "columns": [4, 6], "transposed": True},
            "person_class": 1,
        },
    ),
}


@pytest.mark.parametrize(("outputs", "parts"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_every_layout_of_outputs_gives_the_same_people(tmp_path, outputs, parts):
    found = open_detector(made(tmp_path, outputs, sidecar=changed(**parts)))(IMAGE)
    assert np.allclose(found.boxes, [[50, 0, 100, 200], [25, 50, 50, 150]])
    assert np.allclose(found.scores, [0.9, 0.6])


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_are_counts_like_others(tmp_path, count):
    outputs = {"boxes": np.float32(CORNERS)[:count], "scores": np.float32([[0.1, s] for s in SCORES])[:count]}
    assert len(open_detector(made(tmp_path, outputs, sidecar=changed(person_class=1)))(IMAGE)) == count


def test_thresholds_of_the_sidecar_hold_unless_another_is_given(tmp_path):
    name = plain(tmp_path, sidecar=changed(threshold=0.7))
    assert [len(open_detector(name)(IMAGE)), len(open_detector(name, threshold=0.2)(IMAGE))] == [1, 3]


def test_overlapping_boxes_are_one_person_as_the_sidecar_says(tmp_path):
    outputs = {"boxes": np.float32([[0, 0, 40, 40], [0, 0, 40, 32]]), "scores": np.float32([0.9, 0.8])}
    counts = [len(open_detector(made(tmp_path, outputs, sidecar=changed(overlap=overlap)))(IMAGE)) for overlap in (0.7, 0.9)]
    assert counts == [1, 2]


@pytest.mark.parametrize(
    ("parts", "kind", "shape", "expected"),
    [
        ({}, TensorProto.FLOAT, (1, 3, 64, 64), 0.4),
        ({"mean": [0.2, 0.2, 0.2], "std": [0.5, 0.5, 0.5]}, TensorProto.FLOAT, (1, 3, 64, 64), 0.4),
        ({"layout": "NHWC"}, TensorProto.FLOAT, (1, "height", "width", 3), 0.4),
        ({}, TensorProto.FLOAT16, ("batch", 3, 64, 64), 0.4),
    ],
)
def test_what_the_network_sees_is_normalised_as_the_sidecar_says(tmp_path, parts, kind, shape, expected):
    name = made(tmp_path, {"boxes": np.float32([[0, 0, 64, 64]])}, sidecar=changed(input=parts, threshold=0.1), kind=kind, shape=shape, mean="scores")
    assert open_detector(name)(np.full((50, 80, 3), 102, np.uint8)).scores[0] == pytest.approx(expected, abs=1e-3)


def test_channels_swap_only_where_asked():
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 255
    reds = [_prepare(image, Input(name="image", size=(8, 8), channels=channels))[0][0, :, 0, 0].tolist() for channels in ("RGB", "BGR")]
    assert reds == [[1, 0, 0], [0, 0, 1]]


@settings(deadline=None)
@given(st.integers(40, 300), st.integers(40, 300), st.sampled_from(["stretch", "letterbox", "letterbox_corner"]), st.integers(0, 10**6))
def test_a_rectangle_found_in_the_input_is_where_it_was_in_the_image(height, width, fit, seed):
    x1, y1 = np.random.default_rng(seed).integers(0, [width - 20, height - 20])
    image = np.zeros((height, width, 3), np.uint8)
    image[y1 : y1 + 20, x1 : x1 + 20] = 255
    tensor, to_image = _prepare(image, Input(name="image", size=(96, 128), fit=fit, padding=0))
    rows, columns = np.nonzero(tensor[0, 0] > 0.5)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    tolerance = np.maximum(to_image[:4], 1.0) * 1.01
    assert (np.abs(box * to_image[:4] + to_image[4:] - [x1, y1, x1 + 20, y1 + 20]) <= tolerance).all()


def logits(folder):
    return made(folder, {"boxes": np.float32(CORNERS), "scores": np.float32([3.0, -2, 0])})


REFUSED = {
    "other input": (lambda f: plain(f, sidecar=changed(input={"name": "x"})), r"takes image, not only x\. Correct tiny\.json"),
    "other output": (lambda f: plain(f, sidecar=changed(scores={"output": "x"})), "gives boxes, scores, not x"),
    "other size": (lambda f: plain(f, sidecar=changed(input={"size": [64, 32]})), "takes shape"),
    "other layout": (lambda f: plain(f, sidecar=changed(input={"layout": "NHWC"})), "takes shape"),
    "other type": (lambda f: plain(f, kind=TensorProto.INT64), r"takes tensor\(int64\)"),
    "logits": (logits, "scores from -2 to 3"),
    "columns": (lambda f: plain(f, sidecar=changed(boxes={"columns": [0, 3]})), r"boxes of shape \(3, 3\)"),
    "transposed": (lambda f: plain(f, sidecar=changed(boxes={"transposed": True})), "boxes of shape"),
    "too few scores": (lambda f: made(f, {"boxes": np.float32(CORNERS), "scores": np.float32([0.5])}), "scores of shape"),
    "no such class": (
        lambda f: made(f, {"boxes": np.float32(CORNERS), "scores": np.zeros((3, 2), np.float32)}, sidecar=changed(person_class=2)),
        "scores of shape",
    ),
}


@pytest.mark.parametrize(("make", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_a_network_that_is_not_what_the_sidecar_says_is_refused(tmp_path, make, says):
    name = make(tmp_path)
    with pytest.raises(WeightsError, match=says):
        open_detector(name)(IMAGE)


def test_a_file_that_is_no_network_is_refused(tmp_path):
    name = plain(tmp_path)
    (tmp_path / "tiny.onnx").write_bytes(b"junk")
    with pytest.raises(WeightsError, match="is no usable ONNX file"):
        open_detector(name)
    (tmp_path / "tiny.onnx").unlink()
    with pytest.raises(InputError, match="is not there"):
        open_detector(name)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"tiny\.json cannot be read.*docs/people\.md"),
        ("{", r"tiny\.json: "),
        (json.dumps({k: v for k, v in SIDECAR.items() if k != "scores"}), "scores: Field required"),
        (json.dumps(changed(input={"std": [1, 0, 1]})), r"input\.std\.1"),
        (json.dumps(changed(treshold=0.3)), "treshold: Extra inputs"),
    ],
)
def test_a_sidecar_that_is_missing_or_wrong_is_refused(tmp_path, content, says):
    name = plain(tmp_path)
    (tmp_path / "tiny.json").write_text(content) if content else (tmp_path / "tiny.json").unlink()
    with pytest.raises(InputError, match=says):
        open_detector(name)


@pytest.mark.parametrize(("device", "error"), [("cuda:1", MissingError), ("tpu", UsageError), ("cuda:x", UsageError)])
def test_a_device_that_is_not_here_is_said(tmp_path, device, error):
    with pytest.raises(error):
        open_detector(plain(tmp_path), device)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["format", "input", "boxes", "labels", "threshold", "person_class"]), st.text() | st.floats()))
def test_no_sidecar_leads_to_anything_but_a_typed_error(tmp_path_factory, parts):
    folder = tmp_path_factory.getbasetemp()
    name = plain(folder, sidecar=SIDECAR | parts)
    with suppress(InputError, WeightsError):
        open_detector(name)
