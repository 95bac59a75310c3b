"""What every configuration has in common."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Frozen, keyword-only, every number finite, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
