"""`glasspose data check | stats | show | split | pack | download`."""

import json as json_format
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from glasspose.configs.data import Data
from glasspose.configs.training import PACKS, Packing

if TYPE_CHECKING:
    from glasspose.data.statistics import Statistics

PackingOptions = Annotated[Packing, Parameter(name="*")]


def check(*, data: Data, json: Path | None = None, repair: Path | None = None) -> int:
    """Look for damage in annotations and pictures; every picture is decoded once.

    Example: glasspose data check --data.kind drawn_people --data.count 20

    Exit code 5 where something is wrong that training or evaluation would trip over.

    Parameters
    ----------
    json
        Write the findings to this file.
    repair
        Write a copy with what can be mended into this new folder: labels.json in COCO's form, and links to the pictures in images/. The
        original stays as it is.

    """
    from rich.console import Console
    from rich.table import Table

    from glasspose.data.checking import check
    from glasspose.data.repairing import repair as write_repaired
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
    if repair is not None:
        written = write_repaired(data, repair)
        for what, people in (("left out", written.left_out), ("mended", written.changed)):
            console.print(f"{what}: " + (", ".join(f"{count} x {why}" for why, count in people.items()) or "nobody"), highlight=False, soft_wrap=True)
        options = f"--data.kind coco --data.root {repair} --data.annotations labels.json --data.images images --data.split all"
        console.print(f"{written.people} people in the repaired copy: {options}", highlight=False, soft_wrap=True)
        return 0
    return 5 if report.count("error") else 0


def stats(
    *,
    data: Data,
    json: Path | None = None,
    figure: Path | None = None,
    mean_rgb: bool = False,
    packing: PackingOptions = Packing(),  # noqa: B008 - frozen
) -> int:
    """Count people, keypoints and sizes; no picture is opened, but for --mean-rgb.

    Example: glasspose data stats --data.kind drawn_people --data.count 20

    Parameters
    ----------
    json
        Write the numbers to this file.
    figure
        Draw them into this PNG.
    mean_rgb
        Also the mean colour of the squares that `data pack` would cut out with the same options.

    """
    from rich.console import Console
    from rich.table import Table

    from glasspose.data import read
    from glasspose.data.mean_colour import mean_colour
    from glasspose.data.statistics import figure as drawn
    from glasspose.data.statistics import summarise
    from glasspose.files import write_atomically

    dataset = read(data)
    found = summarise(dataset)
    table = Table("keypoint", "labelled %", "of these occluded %", title=f"{found.data}: {found.people} people in {found.images} pictures")
    for name, share in found.labelled.items():
        table.add_row(name, f"{100 * share:.1f}", f"{100 * found.occluded[name]:.1f}")
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(table)
    console.print(_in_words(found))
    numbers = found.to_json()
    if mean_rgb:
        numbers["mean_rgb"] = mean_colour(dataset, packing).round(5).tolist()
        console.print("mean RGB of the squares: " + ", ".join(f"{value:.5f}" for value in numbers["mean_rgb"]))
    if json is not None:
        write_atomically(json, (json_format.dumps(numbers, indent=1) + "\n").encode())
    if figure is not None:
        content = BytesIO()
        drawn(dataset).savefig(content, format="png")
        write_atomically(figure, content.getvalue())
    return 0


def _in_words(found: "Statistics") -> str:
    """What the table does not say."""
    several = sum(images for people, images in found.people_of_image.items() if people > 1) / max(sum(found.people_of_image.values()), 1)
    keypoints = sum(count * people for count, people in found.keypoints_of_person.items()) / max(found.people, 1)
    persons = found.people / max(sum(found.people_of_image.values()), 1)
    said = (
        f"{persons:.2f} people a picture, several in {100 * several:.1f} %; {keypoints:.2f} keypoints a person; {100 * found.empty:.2f} % without any"
    )
    return said + (f"; {found.crowds} crowds left out" if found.crowds else "")


def show(
    *,
    data: Data,
    out: Path = Path("glasspose-out/data/people.jpg"),
    count: int = 24,
    seed: int = 0,
    target: str | None = None,
    empty: bool = False,
    packing: PackingOptions = Packing(),  # noqa: B008 - frozen
) -> int:
    """Draw some labelled people on one sheet, in the squares that `data pack` would cut out with the same options.

    Example: glasspose data show --data.kind drawn_people --data.count 24

    Parameters
    ----------
    out
        The picture, .jpg or .png.
    seed
        Chooses the people.
    target
        A keypoint by name: a row for each person instead, with the picture, its labels and the square on it, the square itself, and this
        keypoint's target map.
    empty
        Only people without a labelled keypoint (the kind's minimum_keypoints has to let them in).

    """
    import numpy as np
    from rich.console import Console

    from glasspose.data import read
    from glasspose.data.showing import fits, people_sheet, preparation_sheet
    from glasspose.errors import UsageError
    from glasspose.images import save_image

    if count < 1:
        raise UsageError(f"a sheet of {count} people", "Use --count 1 or more")
    dataset = read(data)
    asked = [i for i, person in enumerate(dataset.annotations) if not (empty and person.labelled.any())]
    if not asked:
        raise UsageError(f"everybody in {dataset.name} has a labelled keypoint", "Let others in with --data.minimum-keypoints 0")
    drawn = [asked[i] for i in np.random.default_rng(seed).permutation(len(asked)).tolist()]
    chosen = sorted(islice((i for i in drawn if fits(dataset.annotations[i], packing)), count))
    if not chosen:
        raise UsageError(f"nobody of {dataset.name} fits this framing", "Leave --framing out")
    sheet = people_sheet(dataset, chosen, framing=packing) if target is None else preparation_sheet(dataset, chosen, target, packing)
    save_image(out, sheet)
    Console(markup=False).print(f"{len(chosen)} people of {dataset.name}: {out}", highlight=False, soft_wrap=True)
    return 0


def split(
    *,
    data: Data,
    fractions: Annotated[dict[str, float] | None, Parameter(help="Share of the images for each part; 0.8, 0.1 and 0.1 where not given.")] = None,
    hold_out: int | None = None,
    by: Literal["image", "person"] = "image",
    duplicates: bool = True,
    seed: int = 0,
    out: Path = Path("splits.json"),
) -> int:
    """Divide images into parts by chance, near-duplicates together.

    Example: glasspose data split --data.kind drawn_people --data.count 30 --fractions.train 0.8 --fractions.val 0.2 --out glasspose-out/splits.json

    Parameters
    ----------
    hold_out
        Instead of fractions: so many people as `test`, the rest as `train`.
    by
        person: hold out single people, so that one photograph may be on both sides.
    duplicates
        Look for near-duplicates, for which every picture is opened.

    """
    from dataclasses import replace

    from rich.console import Console

    from glasspose.data import read
    from glasspose.data import splitting as ways
    from glasspose.errors import UsageError

    if hold_out is None and by == "person":
        raise UsageError("shares are divided by image only", "Use --by person with --hold-out NUMBER")
    if hold_out is not None and fractions:
        raise UsageError("--hold-out and --fractions exclude each other", "Choose one")
    dataset = read(data)
    dataset = replace(dataset, annotations=[person for person in dataset.annotations if not person.crowd])
    dataset = ways.group_duplicates(dataset) if duplicates and by == "image" else dataset
    if hold_out is None:
        parts = ways.split(dataset, fractions or {"train": 0.8, "val": 0.1, "test": 0.1}, seed)
    else:
        parts = ways.hold_out(dataset, hold_out, by, seed)
    ways.write_splits(out, parts, by)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(f"{out}: " + ", ".join(f"{name} {len(ids)} {'images' if by == 'image' else 'people'}" for name, ids in parts.items()))
    if by == "person" and (shared := ways.shared_images(dataset, parts)):
        said = "1 photograph is" if shared == 1 else f"{shared} photographs are"
        Console(stderr=True, soft_wrap=True).print(f"warning: {said} on both sides; scores on `test` will be too high", highlight=False)
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


def download(
    dataset: Literal["coco", "mpii", "lsp", "lspet", "flic"],
    folder: Path,
    /,
    *,
    only: tuple[str, ...] = (),
    plan: bool = False,
    keep_archives: bool = False,
    sha256: str | None = None,
    mirror: str | None = None,
) -> int:
    """Fetch a dataset from its official place and unpack it; run it again, and it goes on where it was broken off.

    Example: glasspose data download coco data/coco --only annotations --plan

    An archive that lies in the folder already is compared and unpacked, not fetched. SOURCES.json remembers what came from where.

    Parameters
    ----------
    only
        Parts instead of all: annotations, val, train of coco; annotations, images of mpii.
    plan
        Say what would be fetched from where, how large it is and on what terms, and stop.
    keep_archives
        Do not remove fetched archives after unpacking.
    sha256
        The checksum that the archive must have.
    mirror
        The address of a folder that holds the same files.

    """
    from rich.console import Console

    from glasspose.commands.progress import progress_bar
    from glasspose.data.downloading import download
    from glasspose.data.origins import ORIGINS, wanted

    origin, archives = ORIGINS[dataset], wanted(dataset, only, sha256, mirror)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(*(line for line in (origin.page, origin.terms, origin.note) if line), sep="\n")
    if plan:
        for archive in archives:
            size = f"{archive.expected / 1e6:,.1f} MB" if archive.expected else "size not known"
            console.print(f"{archive.part}: {archive.address or archive.name + ' (by hand)'}, {size}, SHA-256 {archive.sha256 or 'not known'}")
        return 0
    for outcome in download(archives, folder, origin.page, keep=keep_archives, stage=progress_bar):
        told = "complete already" if outcome.was_there else f"{outcome.record.files} files, {outcome.record.unpacked_bytes / 1e6:,.1f} MB"
        console.print(f"{outcome.archive.name}: {told}: {', '.join(str(folder / entry) for entry in outcome.record.entries)}")
    return 0
