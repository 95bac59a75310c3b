"""`glasspose predict`."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from glasspose.sources import Opened


def predict(
    source: str,
    picture: str | None = None,
    *,
    weights: str | None = None,
    out: Path = Path("glasspose-out/predict"),
    boxes: Path | None = None,
    people: str | None = None,
    download: bool = False,
    recursive: bool = False,
    overlays: bool = True,
    heatmaps: bool = False,
    layers: bool = False,
    strip: Path | None = None,
    smooth: bool = False,
    flip_test: bool = True,
    device: str = "auto",
    engine: str = "auto",
    batch: Annotated[int, Parameter(help="Pictures at once.")] = 16,
    ray: bool = False,
    ray_address: str | None = None,
    workers: int | None = None,
    shard: int = 256,
) -> int:
    """Find the keypoints of people in an image, a folder, a "pattern*.jpg", a video or a camera (camera:0).

    Example: glasspose predict photo.jpg

    One person is sought in each picture, unless --boxes or --people say where the people are.

    Parameters
    ----------
    source
        What to look at; of two names, the first is that of the weights: glasspose predict pose.onnx photo.jpg
    weights
        A name of shipped weights, a .safetensors file beside its card, or an exported file (docs/export.md); the best that ship where not given.
    out
        NAME.pose.json and NAME.pose.jpg for each picture, poses.csv and coco_results.json for all; for a video one overlay video.
    boxes
        A file of people's boxes (docs/people.md).
    people
        A detector: torchvision:NAME, transformers:NAME or FILE.onnx (docs/people.md).
    download
        Let the detector's published weights be fetched where they are not on this machine.
    recursive
        Look into the folders of a folder too.
    heatmaps
        Also write the heatmaps over the picture, and the grid of stacks and keypoints.
    layers
        Also write what every layer makes of the picture: NAME.layers.png.
    strip
        A folder of weights, such as snapshots/ of a run: write only strip.jpg, the same pictures through each of them.
    smooth
        For video: follow people from frame to frame and smooth their keypoints (one-euro filter).
    flip_test
        Also look at the mirrored picture: more exact, half as fast.
    engine
        What runs the network: torch, onnxruntime, openvino; auto is the fastest on the CPU where it pays (docs/export.md).
    ray
        Spread a folder or a pattern over many workers by Ray, and write Parquet files alone (docs/many-machines.md).
    ray_address
        Of a running Ray cluster; without it that in RAY_ADDRESS, else this machine alone.
    workers
        With --ray: how many at once, one a core where not given.
    shard
        With --ray: pictures in a Parquet file.

    """
    from glasspose.commands.collecting import collect, told
    from glasspose.commands.progress import progress_bar
    from glasspose.images import save_image
    from glasspose.layers import layer_picture
    from glasspose.prediction import load
    from glasspose.results import Results
    from glasspose.sources import open_source
    from glasspose.spreading import Machines
    from glasspose.streaming import answers, where
    from glasspose.tracking import Tracker

    source, weights = _in_order(source, picture, weights, layers)
    if ray:
        drawn = [name for name, on in {"--heatmaps": heatmaps, "--layers": layers, "--strip": strip, "--smooth": smooth}.items() if on]
        how = {"boxes": boxes, "people": people, "download": download, "recursive": recursive, "flip_test": flip_test, "device": device}
        return collect(source, weights, out, Machines(address=ray_address, workers=workers), shard, drawn, how | {"batch": batch})
    opened = open_source(source, recursive=recursive)
    if strip is not None:
        return _strip(opened, strip, out, device, flip_test)
    predictor = load(weights, device=device, flip_test=flip_test, batch=batch, engine="torch" if layers else engine, pictures=opened.count)
    found_by = where(boxes, people, predictor, download=download)
    tracker = Tracker() if smooth and opened.fps else None
    problems, done, found = [], 0, 0
    with Results(out, fps=opened.fps, overlays=overlays) as results, progress_bar("pictures") as progress:
        for done, answer in enumerate(answers(predictor, opened.frames, found_by, tracker), 1):
            if answer.poses is None or answer.image is None:
                problems.append(str(answer.problem))
            else:
                results.add(answer.frame.name, answer.frame.origin, answer.image, answer.poses, answer.frame.time)
                found += len(answer.poses)
                if heatmaps and opened.fps is None:
                    results.add_heatmaps(answer.frame.name, answer.image, predictor)
                if layers and opened.fps is None:
                    save_image(out / f"{answer.frame.name}.layers.png", layer_picture(predictor, answer.image))
            progress(done, opened.count or done)
    return told(done, problems, found, out)


def _in_order(source: str, picture: str | None, weights: str | None, layers: bool) -> tuple[str, str | None]:
    """What to look at, and the weights: of two names the first names them. UsageError where it names none, as when a shell spreads a pattern."""
    from glasspose.checkpoint import shipped_weights
    from glasspose.engines import is_exported
    from glasspose.errors import UsageError

    if picture is not None:
        if weights is not None:
            raise UsageError("weights are named twice, or there are two sources", "Name one source, and the weights with --weights or before it")
        if not (source in shipped_weights() or source.endswith((".safetensors", ".json")) or is_exported(source)):
            raise UsageError(
                f"{source!r} is not the name of weights, and only one source is looked at", "Put a pattern into quotes, or name a folder"
            )
        source, weights = picture, source
    if layers and weights is not None and is_exported(weights):
        raise UsageError("--layers looks into a network, and an exported file lets nobody look", "Name the .safetensors file")
    return source, weights


def _strip(opened: "Opened", snapshots: Path, out: Path, device: str, flip_test: bool) -> int:
    from rich.console import Console

    from glasspose.errors import UsageError
    from glasspose.images import save_image
    from glasspose.strips import MOST, strip

    if opened.fps is not None:
        raise UsageError("--strip takes pictures, not a video or a camera", "Name an image, a folder or a pattern")
    frames = list(islice(opened.frames, MOST + 1))
    names = [frame.name for frame in frames]
    save_image(out / "strip.jpg", strip([frame.load() for frame in frames], names, snapshots, device=device, flip_test=flip_test))
    Console(stderr=True, soft_wrap=True).print(f"{len(frames)} pictures through the weights in {snapshots}: {out / 'strip.jpg'}", markup=False)
    return 0
