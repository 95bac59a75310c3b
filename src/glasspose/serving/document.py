"""The OpenAPI document of the service, from the same lists that the endpoints use."""

from typing import Any

from glasspose import __version__
from glasspose.serving.asking import BOXES, METHODS
from glasspose.serving.settings import Settings

Part = dict[str, Any]
STATUSES = {
    "400": "The request is malformed, or an option is unknown.",
    "401": "The token is missing or wrong.",
    "403": "A page from elsewhere may not call this service.",
    "408": "The request did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body is neither a picture nor a form, or it is compressed.",
    "421": "The service is not called by this name.",
    "422": "The picture or the question cannot be used.",
    "431": "The headers are too large.",
    "429": "Too many requests are waiting; Retry-After says when to come back.",
    "503": "Not ready, or not in time; Retry-After says when to come back.",
}
TEXT = {"type": "string"}
NUMBER = {"type": "number"}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
CORNERS = {"type": "array", "items": NUMBER, "minItems": 4, "maxItems": 4, "description": "x1, y1, x2, y2"}


def document(settings: Settings) -> Part:
    """OpenAPI 3.1. Paths that this service has switched off are left out."""
    paths: Part = {
        "/v1/poses": {"post": _posting("Find the people of one picture.", _pose_options(), "Poses", "jpeg", "png")},
        "/v1/model": {"get": _getting("What the network finds.", "Model")},
        "/healthz": {"get": _getting("What there is to know; always 200.", "Status")},
        "/readyz": {"get": _getting("503 while the network is loaded and while the service drains.", "Status", "503")},
        "/livez": {"get": _getting("200 as long as the process answers.", "Status")},
        "/metrics": {"get": {"summary": "Numbers for Prometheus.", "responses": {"200": _answer("Numbers.", {"text/plain": {"schema": TEXT}})}}},
        "/openapi.json": {"get": {"summary": "This document.", "responses": {"200": _answer("OpenAPI.", {"application/json": {"schema": {}}})}}},
    }
    if settings.explain:
        paths["/v1/explain"] = {"post": _posting("Which pixels made one keypoint be where it is?", _explain_options(), "Explanation", "png")}
    if settings.keeping is not None:
        paths["/v1/kept/{id}"] = {"delete": _deleting()}
    made: Part = {
        "openapi": "3.1.0",
        "info": {"title": "glasspose", "version": __version__, "description": "Keypoints of people in pictures."},
        "paths": paths,
        "components": {"schemas": SCHEMAS},
    }
    if settings.token is not None:
        made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"token": []}]
    return made


def _pose_options() -> list[Part]:
    return [_option("boxes", f"At most {BOXES} people: x1,y1,x2,y2;x1,... in pixels. Without it one person is sought.", TEXT), _overlay()]


def _explain_options() -> list[Part]:
    return [
        _option("keypoint", "Its name, as in /v1/model.", TEXT, required=True),
        _option("method", "How evidence is sought.", {"enum": list(METHODS), "default": METHODS[0]}),
        _option("box", "The person: x1,y1,x2,y2. Without it one person is sought.", TEXT),
        _overlay(),
    ]


def _overlay() -> Part:
    return _option("overlay", "Answer with a picture instead of JSON.", {"enum": ["0", "1", "jpeg", "png"], "default": "0"})


def _option(name: str, described: str, schema: Part, *, required: bool = False) -> Part:
    return {"name": name, "in": "query", "description": described, "required": required, "schema": schema}


def _posting(summary: str, options: list[Part], schema: str, *pictures: str) -> Part:
    form = {"type": "object", "properties": {"picture": {"type": "string", "format": "binary"}}}
    content = {"application/json": {"schema": _named(schema)}, **{f"image/{kind}": {"schema": {"type": "string"}} for kind in pictures}}
    failures = {status: _answer(text, {"application/json": {"schema": _named("Problem")}}) for status, text in STATUSES.items()}
    return {
        "summary": summary,
        "parameters": options,
        "requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string"}}, "multipart/form-data": {"schema": form}}},
        "responses": {"200": _answer("The answer.", content), **failures},
    }


def _getting(summary: str, schema: str, *failing: str) -> Part:
    content = {"application/json": {"schema": _named(schema)}}
    return {"summary": summary, "responses": {status: _answer("The answer.", content) for status in ("200", *failing)}}


def _deleting() -> Part:
    there = {"204": {"description": "Deleted."}, "404": _answer("Nothing is kept under it.", {"application/json": {"schema": _named("Problem")}})}
    name = {"name": "id", "in": "path", "required": True, "schema": TEXT, "description": "From the header x-glasspose-kept."}
    return {"summary": "Delete a kept picture and its answer.", "parameters": [name], "responses": there}


def _answer(described: str, content: Part) -> Part:
    return {"description": described, "content": content}


def _named(schema: str) -> Part:
    return {"$ref": f"#/components/schemas/{schema}"}


def _object(required: Part, **optional: Part) -> Part:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required), "additionalProperties": False}


def _list(of: Part) -> Part:
    return {"type": "array", "items": of}


def _form(name: str, fields: Part, **optional: Part) -> Part:
    return _object({"format": {"const": f"glasspose.{name}"}, "version": {"const": 1}, **fields}, **optional)


_KEYPOINT = _object(
    {"x": NUMBER, "y": NUMBER, "score": SHARE, "seen": {"type": "boolean"}}, probability=SHARE, radius={"type": "number", "minimum": 0}
)
_SIZE = {"type": "integer", "minimum": 1}
_PERSON = _object({"box": CORNERS, "score": SHARE, "keypoints": {"type": "object", "additionalProperties": _KEYPOINT}}, track={"type": "integer"})
_CHECK = _object(
    {
        "name": TEXT,
        "passed": {"type": ["boolean", "null"]},
        "value": {"type": ["number", "null"]},
        "bound": TEXT,
        "reason": TEXT,
        "only_local": {"type": "boolean"},
    }
)
SCHEMAS: Part = {
    "Poses": _form("poses", {"image": TEXT, "width": _SIZE, "height": _SIZE, "people": _list(_PERSON)}),
    "Explanation": _form(
        "explanation",
        {
            "name": TEXT,
            "question": TEXT,
            "answer": TEXT,
            "verdict": {"enum": ["FAITHFUL", "LOCAL ONLY", "NOT FAITHFUL"]},
            "checks": _list(_CHECK),
            "numbers": {"type": "object"},
            "limits": _list(TEXT),
            "provenance": {"type": "object"},
            "keypoint": TEXT,
            "method": {"enum": list(METHODS)},
            "x": NUMBER,
            "y": NUMBER,
            "box": {**CORNERS, "description": "What the overlay shows, in pixels of the picture."},
            "overlay": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"},
        },
    ),
    "Model": _form(
        "model",
        {
            "name": TEXT,
            "device": TEXT,
            "skeleton": TEXT,
            "keypoints": _list(TEXT),
            "limbs": _list(_list({"type": "integer"})),
            "pairs": _list(_list({"type": "integer"})),
            "input": {**_list(_SIZE), "description": "height, width"},
        },
    ),
    "Status": _object({"status": {"enum": ["ok", "live", "ready", "starting", "draining"]}}, version=TEXT, waiting=NUMBER, workers=NUMBER),
    "Problem": _form("problem", {"code": TEXT, "message": TEXT}),
}
