"""The experiments of docs/results.md: each cell is one training run and its measurement."""

from collections.abc import Sequence
from dataclasses import dataclass

SMALL = "recipes/small-lsp.yaml"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One row of the table."""

    name: str
    group: str
    """The table it stands in."""
    label: str
    options: Sequence[str] = ()
    """What it changes of the recipe."""
    recipe: str = SMALL
    init: str | None = None
    """The cell whose best weights it starts from."""
    evaluate: Sequence[str] = ()
    """Options of `glasspose evaluate`."""
    systems: str = ""
    """Rows of docs/systems.md."""
    trains: bool = True
    """False: it measures the weights of `init` again, in another way."""
    document: str = ""
    """What the document behind it reports."""
    why: str = ""
    """Why that differs."""


STACKS, LOSSES, VIEWS, DECODING = "Stacks and residuals", "Losses and targets", "What is seen in training", "Decoding"

CELLS = (
    Cell(name="newell-1", group=STACKS, label="Newell, 1 stack", systems="M1 M2 M3"),
    Cell(name="newell-2", group=STACKS, label="Newell, 2 stacks", options=("--model.stacks", "2"), systems="M4"),
    Cell(name="newell-4", group=STACKS, label="Newell, 4 stacks", options=("--model.stacks", "4"), systems="M4"),
    Cell(name="weighted", group=LOSSES, label="weighted MSE", options=("--codec.loss", "weighted_mse"), systems="T9"),
    Cell(name="focal", group=LOSSES, label="focal", options=("--codec.loss", "focal"), systems="T9"),
    Cell(name="sigma-0.5", group=LOSSES, label="sigma 0.5", options=("--codec.sigma", "0.5"), systems="D10"),
    Cell(name="sigma-2", group=LOSSES, label="sigma 2", options=("--codec.sigma", "2"), systems="D10"),
    Cell(
        name="no-augmentation",
        group=VIEWS,
        label="no augmentation",
        options=[word for name in ("flip", "rotation", "scale", "translation", "colour") for word in (f"--augmentation.{name}", "0")],
        systems="D17 D25",
    ),
)
