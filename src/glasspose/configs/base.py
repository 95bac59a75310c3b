"""What every configuration has in common."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Frozen, keyword-only, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
