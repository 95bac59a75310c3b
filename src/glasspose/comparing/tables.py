"""A comparison as Markdown, CSV, and plain data; and the words of one cell, which text and Markdown share."""

import csv
import io
from typing import Any

from glasspose.comparing.comparison import ONE_SEED, Cell, Comparison, Row

COLUMNS = ("name", "note", "score", "unit", "people", "value", "low", "high", "difference", "difference_low", "difference_high", "p_holm")


def title(found: Comparison) -> str:
    """What was measured on what."""
    return f"{found.n} people in {found.images} pictures of {found.data.get('kind')} {found.data.get('split')}"


def cell_words(cell: Cell, unit: str) -> tuple[str, str, str]:
    """The score, its difference to the first row, and p. Per cent and percentage points, or pixels."""
    score = _with_interval(cell.value, cell.interval, unit)
    apart = "" if cell.difference is None else _with_interval(cell.difference, cell.difference_interval, unit, signed=True)
    p = "" if cell.p is None else "< 0.001" if cell.p < 0.001 else f"{cell.p:.3f}"
    return score, apart, p


def header(name: str, unit: str) -> tuple[str, str, str]:
    """The columns of one score."""
    return f"{name} {unit}", "difference" + (" in points" if unit == "%" else ""), "p"


def markdown(found: Comparison) -> str:
    """One table, and the lines under it."""
    heads = ["", "", "n", *(column for name, unit in found.units.items() for column in header(name, unit))]
    body = [
        [_safe(row.name), row.note, str(found.n), *(word for name, unit in found.units.items() for word in cell_words(row.cells[name], unit))]
        for row in found.rows
    ]
    rule = ["---", "---", *["---:"] * (len(heads) - 2)]
    lines = ["| " + " | ".join(cells) + " |" for cells in (heads, rule, *body)]
    return "\n".join([f"{title(found)}.", "", *lines, "", *footnotes(found), ""])


def footnotes(found: Comparison) -> list[str]:
    """How to read the numbers."""
    first = found.rows[0].name
    told = ["In brackets 95 % intervals over images" + (" and seeds." if any(row.seeds > 1 for row in found.rows) else ".")]
    if len(found.rows) > 1:
        told.append(f"Differences are to {_safe(first)}, on the same people; p by sign flips over images (for several seeds also Welch), after Holm.")
    alone = ", ".join(_safe(row.name) for row in found.rows if row.seeds == 1)
    if alone:
        told.append(f"One seed, so {ONE_SEED}, and nothing of its recipe: {alone}.")
    return [*told, *(f"{line}." for line in found.lines)]


def csv_text(found: Comparison) -> str:
    """One line for each row and score; fractions, as in the JSON."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in found.rows:
        for name, unit in found.units.items():
            cell = row.cells[name]
            numbers = (cell.value, *(cell.interval or (None, None)), cell.difference, *(cell.difference_interval or (None, None)), cell.p)
            fraction = "fraction" if unit == "%" else unit
            writer.writerow([row.name, row.note, name, fraction, found.n, *("" if v is None else f"{v:.6g}" for v in numbers)])
    return text.getvalue()


def plain(found: Comparison) -> dict[str, Any]:
    """Plain data for a JSON file; fractions from 0 to 1."""
    return {
        "format": "glasspose.comparison",
        "version": 1,
        "data": dict(found.data),
        "n": found.n,
        "images": found.images,
        "units": {name: "fraction" if unit == "%" else unit for name, unit in found.units.items()},
        "rows": [_plain_row(row) for row in found.rows],
        "notes": list(found.lines),
    }


def _plain_row(row: Row) -> dict[str, Any]:
    scores = {name: vars(cell) for name, cell in row.cells.items()}
    return {"name": row.name, "members": list(row.members), "note": row.note, "scores": scores}


def _with_interval(value: float | None, interval: tuple[float, float] | None, unit: str, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    scale = 100 if unit == "%" else 1
    form = "{:+.1f}" if signed else "{:.1f}"
    return form.format(scale * value) + (f" ({form.format(scale * interval[0])} to {form.format(scale * interval[1])})" if interval else "")


def _safe(name: str) -> str:
    return name.replace("|", "\\|").replace("\n", " ")
