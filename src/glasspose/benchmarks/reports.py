"""Results of benchmarks as files: JSON for each, and a table and a plot over all that are in a folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glasspose.benchmarks.machine import machine
from glasspose.benchmarks.options import Options
from glasspose.benchmarks.rounds import Row
from glasspose.files import write_atomically
from glasspose.plotting import BLUE, GREY, ORANGE, canvas, png_of

FORMAT = "glasspose.benchmark"


def save(folder: Path, name: str, options: Options, rows: Sequence[Row]) -> None:
    """NAME.json, or NAME.all.json on all threads; and the plot of the whole folder again."""
    from glasspose.benchmarks.catalogue import clock_of

    clock = clock_of(name, options)
    told = {"format": FORMAT, "version": 1, "name": name, "threads": options.threads, "clock": clock, "machine": machine()}
    content = json.dumps(told | {"rows": [row.to_json() for row in rows]}, indent=1) + "\n"
    write_atomically(folder / f"{name}{'' if options.threads == 'one' else '.all'}.json", content.encode())
    write_atomically(folder / "ratios.png", plot(folder))
    if name == "growth" and rows:
        write_atomically(folder / "growth.png", growth_plot([row.to_json() for row in rows]))


def kept(folder: Path) -> list[dict[str, Any]]:
    """Rows of every file in a folder, each with its file's threads and machine."""
    from glasspose.benchmarks.catalogue import BENCHMARKS

    files = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    files = sorted((file for file in files if file.get("format") == FORMAT), key=lambda file: list(BENCHMARKS).index(file["name"]))
    return [row | {"threads": file["threads"], "clock": file["clock"]} for file in files for row in file["rows"]]


def table(folder: Path) -> str:
    """Markdown: a line for each row that is a ratio."""
    lines = ["| work | compared with | times as fast (quartiles) | goal | results | command |", "|---|---|---|---|---|---|"]
    for row in kept(folder):
        if row["ratio"] is None:
            continue
        low, high = row["ratio"]["quartiles"]
        spread = f"{row['ratio']['median']:.3g} ({low:.3g} to {high:.3g})" if row["ratio"]["rounds"] > 1 else f"{row['ratio']['median']:.3g}"
        command = f"`glasspose bench {row['name']}{'' if row['threads'] == 'one' else ' --threads all'}`"
        goal = "" if row["goal"] is None else f"{'≤' if row['at_most'] else '≥'} {row['goal']:g}{'' if row['reached'] else ', missed'}"
        lines.append(f"| {row['name']} | {row['baseline']} | {spread} | {goal} | {row['same']} | {command} |")
    return "\n".join(lines) + "\n"


def plot(folder: Path) -> bytes:
    """Dots with quartiles; a bar where the goal is."""
    rows = [row for row in kept(folder) if row["ratio"] is not None and not row["at_most"] and row["name"] != "memory"]
    figure = canvas(8, 0.4 * len(rows) + 1.2)
    axes = figure.add_subplot()
    for place, row in enumerate(reversed(rows)):
        low, high = row["ratio"]["quartiles"]
        colour = ORANGE if row["reached"] is False else BLUE
        axes.plot([low, high], [place, place], color=colour, linewidth=2)
        axes.plot(row["ratio"]["median"], place, "o", color=colour)
        if row["goal"] is not None:
            axes.plot([row["goal"]] * 2, [place - 0.35, place + 0.35], color=GREY)
    axes.axvline(1, color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xscale="log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_title("times as fast; line: quartiles, bar: goal, orange: missed", fontsize=9)
    axes.grid(axis="x", color=GREY, linewidth=0.3)
    names = [f"{row['name']}{'' if row['threads'] == 'one' else ', all threads'}: {_short(row['baseline'])}" for row in reversed(rows)]
    axes.set_yticks(range(len(rows)), names, fontsize=7)
    return png_of(figure)


def growth_plot(rows: Sequence[dict[str, Any]]) -> bytes:
    """Seconds over people, both logarithmic, with the slope of the three largest."""
    figure = canvas(6, 4)
    axes = figure.add_subplot()
    for row, colour, marker in zip(rows, (BLUE, ORANGE, GREY), "os^", strict=True):
        work, found = row["baseline"].partition(":")[0], row["more"]
        label = f"{work}, slope {found['exponent of the three largest']:.2f}"
        axes.plot(found["people"], found["seconds"], color=colour, marker=marker, label=label)
    axes.set(xscale="log", yscale="log", xlabel="people", ylabel="seconds of CPU time, one thread")
    axes.set_xticks(rows[0]["more"]["people"], [f"{count:,}" for count in rows[0]["more"]["people"]])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(color=GREY, linewidth=0.3)
    axes.legend(frameon=False, fontsize=9)
    return png_of(figure)


def _short(text: str) -> str:
    """Its beginning and its end."""
    return text if len(text) <= 64 else f"{text[:40]} … {text[-20:]}"
