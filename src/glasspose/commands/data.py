"""`glasspose data check | stats | show | split | pack`."""

import json as json_format
from io import BytesIO
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from glasspose.configs.data import Data
from glasspose.configs.training import PACKS, Packing

PackingOptions = Annotated[Packing, Parameter(name="*")]


def check(*, data: Data, json: Path | None = None) -> int:
    """Look for damage in annotations and pictures; every picture is decoded once.

    Example: glasspose data check --data.kind drawn_people --data.count 20

    Exit code 5 where something is wrong that training or evaluation would trip over.

    Parameters
    ----------
    json
        Write the findings to this file.

    """
    from rich.console import Console
    from rich.table import Table

    from glasspose.data.checking import check
    from glasspose.files import write_atomically

    report = check(data)
    console = Console(markup=False)
    table = Table("severity", "rule", "found", "first", "remedy")
    for rule, faults in report.by_rule().items():
        table.add_row(faults[0].severity, rule, str(len(faults)), f"{faults[0].where}: {faults[0].detail}", faults[0].remedy)
    if report.faults:
        console.print(table)
    counts = ", ".join(f"{report.count(severity)} {severity}s" for severity in ("error", "warning", "note"))
    console.print(f"{report.name}: {report.people} people in {report.images} pictures; {counts}", highlight=False, soft_wrap=True)
    if json is not None:
        write_atomically(json, (json_format.dumps(report.to_json(), indent=1) + "\n").encode())
    return 5 if report.count("error") else 0


def stats(*, data: Data, json: Path | None = None, figure: Path | None = None) -> int:
    """Count people, keypoints and sizes; no picture is opened.

    Example: glasspose data stats --data.kind drawn_people --data.count 20

    Parameters
    ----------
    json
        Write the numbers to this file.
    figure
        Draw them into this PNG.

    """
    from rich.console import Console
    from rich.table import Table

    from glasspose.data import read
    from glasspose.data.statistics import figure as drawn
    from glasspose.data.statistics import summarise
    from glasspose.files import write_atomically

    dataset = read(data)
    found = summarise(dataset)
    table = Table("keypoint", "labelled %", "of these occluded %", title=f"{found.data}: {found.people} people in {found.images} pictures")
    for name, share in found.labelled.items():
        table.add_row(name, f"{100 * share:.1f}", f"{100 * found.occluded[name]:.1f}")
    Console(markup=False).print(table)
    if json is not None:
        write_atomically(json, (json_format.dumps(found.to_json(), indent=1) + "\n").encode())
    if figure is not None:
        content = BytesIO()
        drawn(dataset).savefig(content, format="png")
        write_atomically(figure, content.getvalue())
    return 0


def show(*, data: Data, out: Path = Path("glasspose-out/data/people.jpg"), count: int = 24, seed: int = 0) -> int:
    """Draw some labelled people on one sheet.

    Example: glasspose data show --data.kind drawn_people --data.count 24

    Parameters
    ----------
    out
        The picture, .jpg or .png.
    seed
        Chooses the people.

    """
    import numpy as np
    from rich.console import Console

    from glasspose.data import read
    from glasspose.data.showing import people_sheet
    from glasspose.errors import UsageError
    from glasspose.images import save_image

    if count < 1:
        raise UsageError(f"a sheet of {count} people", "Use --count 1 or more")
    dataset = read(data)
    chosen = np.random.default_rng(seed).permutation(len(dataset))[:count]
    save_image(out, people_sheet(dataset, sorted(chosen.tolist())))
    Console(markup=False).print(f"{len(chosen)} people of {dataset.name}: {out}", highlight=False, soft_wrap=True)
    return 0


def split(
    *,
    data: Data,
    fractions: Annotated[dict[str, float] | None, Parameter(help="Share of the images for each part; 0.8, 0.1 and 0.1 where not given.")] = None,
    seed: int = 0,
    out: Path = Path("splits.json"),
) -> int:
    """Divide images into parts by chance, near-duplicates together.

    Example: glasspose data split --data.kind drawn_people --data.count 30 --fractions.train 0.8 --fractions.val 0.2 --out glasspose-out/splits.json
    """
    from rich.console import Console

    from glasspose.data import read
    from glasspose.data.splitting import group_duplicates, split, write_splits

    parts = split(group_duplicates(read(data)), fractions or {"train": 0.8, "val": 0.1, "test": 0.1}, seed)
    write_splits(out, parts)
    Console(markup=False).print(f"{out}: " + ", ".join(f"{name} {len(ids)} images" for name, ids in parts.items()), highlight=False, soft_wrap=True)
    return 0


def pack(*, data: Data, packing: PackingOptions = Packing(), packs: Path = PACKS) -> int:  # noqa: B008 - frozen
    """Cut people out once, for fast training; goes on where it was broken off.

    Example: glasspose data pack --data.kind drawn_people --data.count 40 --packs glasspose-out/packs

    `train` does the same by itself where a pack is missing.
    """
    from rich.console import Console

    from glasspose.commands.progress import progress_bar
    from glasspose.data import read
    from glasspose.data.packing import pack, pack_folder

    dataset = read(data)
    folder = pack_folder(packs, dataset, packing)
    with progress_bar("people") as progress:
        packed = pack(dataset, folder, packing, progress)
    Console(markup=False).print(f"{len(packed)} people, {packed.crops.nbytes / 2**20:.0f} MiB: {folder}", highlight=False, soft_wrap=True)
    return 0
