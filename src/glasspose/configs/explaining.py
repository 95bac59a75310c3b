"""What every `glasspose explain` command is asked with. Nothing here imports torch."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from glasspose.configs.config import Config


class Asking(Config):
    """Options that all of them share."""

    n: Annotated[int, Field(ge=1)] | None = None
    """People to look at, chosen by the seed; each command says how many it takes where this is not given."""
    seed: Annotated[int, Field(ge=0)] = 0
    out: Path = Path("glasspose-out/explain")
    """Folder for the numbers (JSON), tables (CSV) and figures (PNG)."""
    strict: bool = False
    """Exit with code 4 where the explanation is not faithful."""
    keep: bool = False
    """Write the verdict into the card of the weights (from 50 people on), where `explain why` of a single photograph finds it."""
