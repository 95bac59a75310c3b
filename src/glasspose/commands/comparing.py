"""`glasspose compare`."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from glasspose.configs.data import Data

if TYPE_CHECKING:
    from rich.table import Table

    from glasspose.comparing import Comparison

MaybeData = Annotated[Data | None, Field(discriminator="kind")]
"""The discriminator stands outside once more, because that is where cyclopts looks for it."""


def compare(
    runs: list[str],
    /,
    *,
    data: MaybeData = None,
    protocols: str = "",
    markdown: Path | None = None,
    csv: Path | None = None,
    json: Path | None = None,
    plot: Path | None = None,
    flip_test: bool = True,
    batch: int = 16,
    device: str = "auto",
) -> int:
    """Compare networks on the same people: scores, differences to the first, intervals, and whether they are more than chance.

    Example: glasspose compare hourglass-tiny-lsp --data.kind drawn_people --data.count 20

    Intervals resample images; where a recipe was run with several seeds, also seeds. Nothing is printed of one seed but what this
    checkpoint does.

    Parameters
    ----------
    runs
        Evaluations (`glasspose evaluate WEIGHTS --keep --json FILE`), folders of training runs, or weights; the first is what the others
        are compared with. Runs and weights are measured now, on --data.kind …; runs on the validation split of their recipe where no
        dataset is named.
    protocols
        Further ways to count for runs and weights, with commas between them (see docs/metrics.md).
    markdown
        Write the table to this file.
    csv
        Write one line for each row and score to this file.
    json
        Write all numbers to this file.
    plot
        Draw scores and, for runs, their training curves into this PNG.
    flip_test
        Average the heatmaps with those of the mirrored picture.

    """
    from rich.console import Console

    from glasspose.commands.progress import progress_bar
    from glasspose.comparing import compare
    from glasspose.comparing.figures import figure
    from glasspose.comparing.tables import csv_text, footnotes, plain
    from glasspose.comparing.tables import markdown as as_markdown
    from glasspose.files import write_atomically

    names = [name.strip() for name in protocols.split(",") if name.strip()]
    with progress_bar("pictures") as progress:
        found = compare(runs, data, protocols=names, flip_test=flip_test, batch=batch, device=device, progress=progress)
    for path, text in ((markdown, as_markdown), (csv, csv_text), (json, lambda told: json_format.dumps(plain(told), indent=1) + "\n")):
        if path is not None:
            write_atomically(path, text(found).encode())
    if plot is not None:
        write_atomically(plot, figure(found))
    console = Console(markup=False, highlight=False)
    console.print(_table(found))
    for line in footnotes(found):
        console.print(line, soft_wrap=True)
    return 0


def _table(found: "Comparison") -> "Table":
    """One line for each row and score, so that it fits a terminal."""
    from rich.table import Table

    from glasspose.comparing.tables import cell_words, title

    table = Table("score", "network", "value", "difference", "p", title=title(found), title_justify="left")
    for name, unit in found.units.items():
        table.add_section()
        for place, row in enumerate(found.rows):
            told = row.name if row.seeds == 1 else f"{row.name} ({row.note})"
            table.add_row(f"{name} {unit}" if place == 0 else "", told, *cell_words(row.cells[name], unit))
    return table
