"""What a real service answers to pictures: the same as `predict`, in the form of its own OpenAPI document."""

import asyncio
import json
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest

from dots_for_tests import FIGURE, dot_picture, dot_predictor, moved
from serving_for_tests import ask, encoded, form, get, places, post, service

ROOT = Path(__file__).parents[2]
POSES = json.loads((ROOT / "docs/schemas/poses.schema.json").read_text())


def schema(port, name):
    document = get(port, "/openapi.json").json()
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}


def test_an_answer_is_that_of_predict_alone_and_in_company(dots):
    pictures = [dot_picture(moved(8 * i, 2 * i)) for i in range(12)]
    predictor = dot_predictor()
    alone = [predictor.predict(picture).keypoints for picture in pictures]
    boxes = np.array([[40.0, 15.0, 150.0, 180.0], [50.0, 20.0, 140.0, 160.0]])
    boxed = predictor.predict(pictures[0], boxes).keypoints

    async def together():
        asked = [ask(dots.port, "POST", "/v1/poses", encoded(picture), content_type="image/png") for picture in pictures]
        query = "boxes=" + ";".join(",".join(map(str, box)) for box in boxes.tolist())
        asked += [ask(dots.port, "POST", f"/v1/poses?{query}", encoded(pictures[0]), content_type="image/png")]
        return await asyncio.gather(*asked)

    for _ in range(3):
        *answers, with_boxes = asyncio.run(together())
        for answer, expected in zip(answers, alone, strict=True):
            assert np.abs(places(answer) - expected).max() <= 1e-3
        assert np.abs(places(with_boxes) - boxed).max() <= 1e-3
    assert np.abs(places(answers[3]) - moved(24, 6)).max() < 0.5


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".bmp"])
def test_every_kind_of_picture_as_body_and_as_form(dots, ending):
    picture = encoded(dot_picture(FIGURE), ending)
    kind, body = form(picture)
    for answer in (post(dots.port, picture, kind="application/octet-stream"), post(dots.port, body, kind=kind)):
        assert answer.status == 200, answer.body
        jsonschema.validate(answer.json(), POSES)
        assert np.abs(places(answer)[0] - FIGURE).max() < 0.7
        assert answer.json()["image"] == ""


def test_an_overlay_is_a_picture_of_the_answer(dots):
    picture = encoded(dot_picture(FIGURE))
    for query, accept, kind in (("1", "*/*", "jpeg"), ("jpeg", "*/*", "jpeg"), ("png", "*/*", "png"), ("1", "image/png", "png")):
        answer = post(dots.port, picture, f"?overlay={query}", accept=accept)
        assert answer.headers["content-type"] == f"image/{kind}"
        drawn = cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR)
        assert drawn.shape == (200, 300, 3)
        assert np.abs(drawn[..., ::-1].astype(int) - dot_picture(FIGURE)).max() > 50


def test_options_of_a_form_are_those_of_the_query(dots):
    kind, body = form(encoded(dot_picture(FIGURE)), boxes="40,15,150,180", overlay="png")
    assert post(dots.port, body, kind=kind).headers["content-type"] == "image/png"
    kind, body = form(encoded(dot_picture(FIGURE)), boxes="40,15,150,180;1,2,3,4")
    assert len(post(dots.port, body, kind=kind).json()["people"]) == 2


def test_pixels_are_refused_at_the_limit_of_the_service(tmp_path):
    with service(tmp_path, max_pixels=200 * 300) as made:
        assert post(made.port, encoded(dot_picture(FIGURE))).status == 200
        beyond = post(made.port, encoded(dot_picture(FIGURE, (201, 300))))
    assert (beyond.status, beyond.code) == (422, "image")
    assert "60,000" in beyond.json()["message"]


def test_nobody_is_an_answer(dots):
    answer = post(dots.port, encoded(np.full((40, 60, 3), 124, np.uint8)))
    assert answer.status == 200
    assert answer.json()["people"] == []


def test_answers_and_failures_have_the_form_that_the_document_tells(dots):
    jsonschema.validate(post(dots.port, encoded(dot_picture(FIGURE))).json(), schema(dots.port, "Poses"))
    jsonschema.validate(post(dots.port, b"no picture").json(), schema(dots.port, "Problem"))
    jsonschema.validate(get(dots.port, "/v1/model").json(), schema(dots.port, "Model"))
    for path in ("/healthz", "/readyz", "/livez"):
        jsonschema.validate(get(dots.port, path).json(), schema(dots.port, "Status"))
    document = get(dots.port, "/openapi.json").json()
    for path, methods in document["paths"].items():
        for method in methods:
            name = path.replace("{id}", "0" * 32)
            assert asyncio.run(ask(dots.port, method.upper(), name)).status not in (405, 500), path
    assert set(document["paths"]) >= {"/v1/poses", "/v1/explain", "/v1/model", "/v1/kept/{id}", "/healthz", "/readyz", "/livez", "/metrics"}


def test_pictures_are_kept_under_an_opaque_id_and_deleted_by_it(dots):
    picture = encoded(dot_picture(FIGURE))
    answer = post(dots.port, picture)
    name = answer.headers["x-glasspose-kept"]
    folder = dots.log.parent / "kept"
    assert (folder / f"{name}.png").read_bytes() == picture
    kept = json.loads((folder / f"{name}.pose.json").read_text())
    assert kept["people"] == answer.json()["people"]
    assert kept["image"] == f"{name}.png"
    assert asyncio.run(ask(dots.port, "DELETE", f"/v1/kept/{name}")).status == 204
    assert asyncio.run(ask(dots.port, "DELETE", f"/v1/kept/{name}")).status == 404
    assert not list(folder.glob(f"{name}*"))
