"""Which models and codecs fit together: a head gives maps or a vector, and a codec asks for one of them. Nothing here imports torch."""

from typing import Any, get_args

from glasspose.configs.codecs import Codec
from glasspose.configs.models import Model


def mismatch(model: Model, codec: Codec) -> str | None:
    """Why a model and a codec cannot be one network, with what would fit; None where they can."""
    if model.head == codec.head:
        return None
    codecs, models = (", ".join(kinds(union, head)) for union, head in ((Codec, model.head), (Model, codec.head)))
    return f"model {model.kind} gives {_WORDS[model.head]}: codecs that fit are {codecs}; models that fit codec {codec.kind} are {models}"


_WORDS = {"maps": "maps", "vector": "a vector"}


def kinds(union: Any, head: str) -> list[str]:
    """The kinds of a union of configurations whose head is this."""
    return [member.model_fields["kind"].default for member in get_args(get_args(union)[0]) if member.head == head]
