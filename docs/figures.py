"""Draw the figures of docs/how-it-works.md: `make docs-pictures`. Everything in them is computed here, by the functions that train and predict."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib.cbook
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from PIL import Image as Pillow
from torch import Tensor, nn

from glasspose.codecs.heatmap import HeatmapCodec
from glasspose.configs.codecs import Heatmap
from glasspose.configs.training import Adam, Cosine, Plateau, RmsProp, Sgd, Step
from glasspose.data.loading import normalise
from glasspose.drawing import fused_heatmaps
from glasspose.geometry import crop_matrix, fit_aspect, warp
from glasspose.images import load_image
from glasspose.metrics import oks
from glasspose.models.hourglass import Residual
from glasspose.models.stacks import levels
from glasspose.network import PoseNetwork
from glasspose.optimisation import build_optimiser, learning_rate_factor
from glasspose.plotting import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, canvas, png_of
from glasspose.prediction import Predictor, load
from glasspose.skeletons import COCO
from glasspose.structures import Image

FOLDER = Path(__file__).parent / "images" / "how"
COLOURS_KEPT = 224
"""Of a palette: flat drawings need no more, and the files stay small."""

WIDER = 1.7
"""The portrait is shown with so much room around it: the network knows whole people, and a face alone is too large for it."""


def save(name: str, drawn: Figure) -> None:
    """One PNG with a palette."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture = Pillow.open(io.BytesIO(png_of(drawn))).convert("RGB").quantize(COLOURS_KEPT, dither=Pillow.Dither.NONE)
    picture.save(FOLDER / f"{name}.png", optimize=True)


def plain(axes: Axes, title: str) -> Axes:
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    return axes


def batches() -> None:
    """A straight line fitted to 64 points by all of them, by eight at a time, and by one at a time: the ways through the plane of (slope, offset)."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 64)
    y = 1.2 * x + 0.4 + rng.normal(0, 0.35, 64)
    slope, offset = np.meshgrid(np.linspace(-0.4, 2, 90), np.linspace(-1.1, 1.2, 90))
    loss = ((slope[..., None] * x + offset[..., None] - y) ** 2).mean(-1)
    figure = canvas(8.6, 3.1)
    for axes, (name, size, colour) in zip(
        figure.subplots(1, 3), (("batch: all 64", 64, BLUE), ("mini-batch: 8", 8, GREEN), ("online: 1", 1, RED)), strict=True
    ):
        way = descended(x, y, size, epochs=12 if size < 64 else 60, rng=np.random.default_rng(1))
        axes.contour(slope, offset, loss, levels=np.geomspace(0.13, 4, 9), colors="#bbbbbb", linewidths=0.8)
        axes.plot(*way.T, color=colour, linewidth=1, marker=".", markersize=3)
        axes.plot(*np.polyfit(x, y, 1), marker="*", color="black", markersize=9)
        axes.set_title(f"{name}\n{len(way) - 1} steps, {(len(way) - 1) * size} gradients of one point", fontsize=9)
        axes.set_xlabel("slope", fontsize=8)
        axes.set_ylabel("offset", fontsize=8)
        axes.tick_params(labelsize=7)
    save("descent", figure)


def descended(x: np.ndarray, y: np.ndarray, size: int, *, epochs: int, rng: np.random.Generator, rate: float = 0.12) -> np.ndarray:
    """The places of (slope, offset) after every step of plain gradient descent."""
    place, way = np.array([-0.2, -0.9]), []
    for _ in range(epochs):
        for part in np.array_split(rng.permutation(len(x)), len(x) // size):
            way.append(place)
            wrong = place[0] * x[part] + place[1] - y[part]
            place = place - rate * 2 * np.array([(wrong * x[part]).mean(), wrong.mean()])
    return np.array([*way, place])


def optimisers() -> None:
    """The project's own optimisers in a valley twenty times steeper across than along, and its schedules."""
    kinds = (
        ("gradient descent", Sgd(learning_rate=0.045), GREY),
        ("with momentum 0.9", Sgd(learning_rate=0.012, momentum=0.9), BLUE),
        ("RMSProp", RmsProp(learning_rate=0.03, alpha=0.9), ORANGE),
        ("Adam", Adam(learning_rate=0.12), GREEN),
    )
    figure = canvas(8.6, 3.3)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.25, 1, 1])
    u, v = np.meshgrid(np.linspace(-2.3, 0.6, 90), np.linspace(-1.1, 1.1, 90))
    left.contour(u, v, valley(u, v), levels=np.geomspace(0.02, 30, 10), colors="#bbbbbb", linewidths=0.8)
    for name, config, colour in kinds:
        place = torch.tensor([-2.0, 0.9], requires_grad=True)
        optimiser, way = build_optimiser(config, [place]), []
        for _ in range(61):
            way.append(place.detach().clone())
            optimiser.zero_grad()
            valley(place[0], place[1]).backward()
            optimiser.step()
        places = torch.stack(way).numpy()
        left.plot(*places[:41].T, color=colour, linewidth=1.2, marker=".", markersize=3, label=name)
        middle.semilogy([max(float(valley(*p)), 1e-6) for p in places], color=colour, linewidth=1.3)
    left.plot(0, 0, "*", color="black", markersize=9)
    left.set_title("forty steps in a narrow valley", fontsize=9)
    left.legend(fontsize=7, loc="lower right")
    middle.set_title("the loss after each step", fontsize=9)
    middle.set_xlabel("step", fontsize=8)
    scores = [min(0.1 * i, 0.6) for i in range(60)]
    for name, schedule, colour in (
        ("cosine", Cosine(), GREEN),
        ("step: x 0.2 at 30, 45", Step(epochs=(31, 46), factor=0.2), BLUE),
        ("plateau: x 0.2", Plateau(factor=0.2), ORANGE),
    ):
        epochs = np.arange(0, 60, 0.25)
        right.plot(epochs, [learning_rate_factor(schedule, e, 60, scores[: int(e)]) for e in epochs], color=colour, linewidth=1.3, label=name)
    right.set_title("learning rate over 60 epochs", fontsize=9)
    right.set_xlabel("epoch", fontsize=8)
    right.legend(fontsize=7)
    for axes in (left, middle, right):
        axes.tick_params(labelsize=7)
    save("optimisers", figure)


def valley(u: np.ndarray | Tensor, v: np.ndarray | Tensor) -> np.ndarray | Tensor:
    return 0.5 * (u * u + 20 * v * v)


def convolution() -> None:
    """One number of the answer is a sum over a window; a real filter of the network and what it makes of the portrait."""
    picture = np.zeros((7, 7))
    picture[:, 4:] = 1
    picture[5:, 2:4] = 1
    kernel = np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
    answer = nn.functional.conv2d(torch.tensor(picture)[None, None], torch.tensor(kernel, dtype=torch.float64)[None, None])[0, 0].numpy()
    figure = canvas(8.6, 2.5)
    for axes, (title, values, window) in zip(
        figure.subplots(1, 3, width_ratios=[7, 3.6, 5]),
        (("7 x 7 numbers", picture, (2, 1, 3)), ("3 x 3 weights", kernel, None), ("5 x 5 answers", answer, (2, 1, 1))),
        strict=True,
    ):
        numbers(plain(axes, title), values)
        if window:
            x, y, side = window
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), side, side, fill=False, edgecolor=RED, linewidth=2.5))
    save("convolution", figure)


def numbers(axes: Axes, values: np.ndarray) -> None:
    axes.imshow(values, cmap="Blues", vmin=-1, vmax=max(6, values.max()))
    for (y, x), value in np.ndenumerate(values):
        axes.text(x, y, f"{value:g}", ha="center", va="center", fontsize=8)


def crop_of_portrait(predictor: Predictor, margin: float) -> tuple[Image, Tensor]:
    """A square about the portrait, so many times its longer side, and the same as the network takes it."""
    photo = load_image(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    size = predictor.network.input_size
    shown = warp(photo, crop_matrix(fit_aspect((0, 0, photo.shape[1], photo.shape[0]), size, margin), size), size)
    return shown, normalise(torch.from_numpy(shown[None]))


def outputs(network: PoseNetwork, images: Tensor, modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    """What some modules answer for one picture."""
    found: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _, __, out, name=name: found.__setitem__(name, out.detach().clone())) for name, module in modules.items()
    ]
    with torch.inference_mode():
        network(images)
    for hook in hooks:
        hook.remove()
    return found


def feature_maps(predictor: Predictor) -> None:
    """First layer of the shipped network: the filters with the largest weights, and their maps of the portrait."""
    shown, images = crop_of_portrait(predictor, 1.0)
    first = next(m for m in predictor.network.model.modules() if isinstance(m, nn.Conv2d))
    maps = outputs(predictor.network, images, {"first": first})["first"][0]
    strongest = maps.std((1, 2)).argsort(descending=True)[:5]
    figure = canvas(8.6, 2.9)
    axes = figure.subplots(2, 6, height_ratios=[1, 2])
    axes[0, 0].axis("off")
    plain(axes[1, 0], "crop").imshow(shown)
    for column, channel in enumerate(strongest.tolist(), 1):
        weights = first.weight[channel].detach().permute(1, 2, 0)
        plain(axes[0, column], f"filter {channel}").imshow((weights / weights.abs().max() / 2 + 0.5).numpy())
        plain(axes[1, column], "its map").imshow(maps[channel].numpy(), cmap="gray")
    save("filters", figure)


def residual() -> None:
    """How strong the gradient is at each of 24 modules of the project, with and without their shortcut."""
    figure = canvas(5.6, 2.8)
    axes = figure.subplots()
    for name, with_skip, colour in (("with the shortcut: x + f(x)", True, BLUE), ("without: f(x)", False, RED)):
        norms = np.array([gradient_norms(seed, with_skip) for seed in range(5)])
        axes.semilogy(range(1, 25), np.median(norms, 0), color=colour, marker=".", label=name)
        axes.fill_between(range(1, 25), norms.min(0), norms.max(0), color=colour, alpha=0.15)
    axes.set_xlabel("residual module, from the input (24 in a row, untrained, 5 seeds)", fontsize=8)
    axes.set_ylabel("gradient of the loss, norm", fontsize=8)
    axes.legend(fontsize=8)
    axes.tick_params(labelsize=7)
    save("residual", figure)


def gradient_norms(seed: int, with_skip: bool) -> list[float]:
    torch.manual_seed(seed)
    modules = nn.ModuleList(Residual(16, 16) for _ in range(24))
    x = torch.randn(2, 16, 16, 16)
    for module in modules:
        x = module(x) if with_skip else module.body(x)
    (x - torch.randn_like(x)).square().mean().backward()
    return [float(torch.cat([p.grad.flatten() for p in module.body.parameters()]).norm()) for module in modules]


def hourglass(predictor: Predictor) -> None:
    """Liveliness of every level of the first hourglass for the portrait: down on the left, skips in the middle, up on the right."""
    shown, images = crop_of_portrait(predictor, WIDER)
    network = predictor.network
    found = levels(network.model.hourglasses[0])
    modules = {f"{part}{i}": getattr(level, part) for i, level in enumerate(found) for part in ("down", "skip", "up")}
    maps = outputs(network, images, modules | {"inner": found[-1].inner, "stem": network.model.stem})
    figure = canvas(8.6, 1.45 * (len(found) + 1))
    axes = figure.subplots(len(found) + 1, 4, width_ratios=[1, 1, 1, 1])
    for i in range(len(found) + 1):
        coming = maps["stem"] if i == 0 else maps[f"down{i - 1}"]
        lively(axes[i, 0], coming, "in" if i == 0 else f"down to {coming.shape[2]} x {coming.shape[3]}")
        if i < len(found):
            lively(axes[i, 1], maps[f"skip{i}"], f"skip at {maps[f'skip{i}'].shape[2]}")
            lively(axes[i, 2], maps[f"up{i}"], f"from below, {maps[f'up{i}'].shape[2]} (to be doubled)")
        else:
            lively(axes[i, 1], maps["inner"], f"bottleneck, {maps['inner'].shape[2]} x {maps['inner'].shape[3]}, {maps['inner'].shape[1]} channels")
            axes[i, 2].axis("off")
        axes[i, 3].axis("off")
    axes[0, 3].axis("on")
    plain(axes[0, 3], "the crop").imshow(shown)
    heat = network.heatmaps(images)[0].detach()
    for row, stack in ((1, 0), (2, 1)):
        axes[row, 3].axis("on")
        plain(axes[row, 3], f"all maps of stack {stack + 1}").imshow(heat[stack].amax(0).numpy(), cmap="magma")
    save("hourglass", figure)


def lively(axes: Axes, maps: Tensor, title: str) -> None:
    plain(axes, title).imshow(maps[0].abs().mean(0).numpy(), cmap="viridis")


def targets() -> None:
    """Targets of one keypoint that lies between pixels, by every way that a recipe can name."""
    place, seen, hidden = torch.tensor([[[66.0, 45.0]]]), torch.tensor([[True]]), torch.tensor([[False]])
    kinds = (
        ("sigma 1 (default)", Heatmap(), hidden),
        ("sigma 2", Heatmap(sigma=2), hidden),
        ("truncated centre", Heatmap(centre="truncated"), hidden),
        ("thesis, visible", Heatmap(target="thesis"), hidden),
        ("thesis, hidden", Heatmap(target="thesis"), seen),
    )
    figure = canvas(8.6, 2.3)
    for axes, (name, config, occluded) in zip(figure.subplots(1, 5), kinds, strict=True):
        codec = HeatmapCodec(config, 1, (128, 128))
        target = codec.encode(place, seen, occluded)[0, 0].numpy()
        plain(axes, f"{name}\npeak {target.max():.2f}, sum {target.sum():.1f}").imshow(
            target[4:20, 9:25], cmap="magma", vmin=0, vmax=1, extent=(8.5, 24.5, 19.5, 3.5)
        )
        axes.plot(*codec.to_map(place)[0, 0].tolist(), "+", color="#66ccff", markersize=9)
    save("targets", figure)


def decoding() -> None:
    """The error of three decoders on exact Gaussians, by where in its pixel the keypoint lies."""
    offsets = torch.linspace(-0.5, 0.5, 81)
    figure = canvas(8.6, 2.8)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.6])
    codec = HeatmapCodec(Heatmap(), 1, (128, 128))
    truth = codec.to_input(torch.tensor([[[16.35, 16.2]]]))
    heat = codec.encode(truth, torch.tensor([[True]]))
    left.imshow(heat[0, 0].numpy()[12:21, 12:21], cmap="Greys", extent=(11.5, 20.5, 20.5, 11.5))
    left.plot(*codec.to_map(truth)[0, 0].tolist(), "k+", markersize=14, label="truth")
    for name, colour, marker in (("argmax", RED, "s"), ("quarter", ORANGE, "^"), ("dark", GREEN, "o")):
        decoder = HeatmapCodec(Heatmap(decoder=name), 1, (128, 128))
        left.plot(*decoder.to_map(decoder.decode(heat)[0])[0, 0].tolist(), marker, color=colour, markersize=5, label=name)
        places = decoder.to_input(torch.stack([16 + offsets, torch.full_like(offsets, 16.0)], -1)[:, None])
        told, _ = decoder.decode(decoder.encode(places, torch.ones(81, 1, dtype=torch.bool)))
        right.plot(
            offsets,
            (told - places)[:, 0].norm(dim=-1),
            color=colour,
            label=f"{name}: {float((told - places)[:, 0].norm(dim=-1).mean()):.3f} px in the mean",
        )
    left.legend(fontsize=7, loc="upper left")
    left.set_title("a map, zoomed in", fontsize=9)
    right.set_title("error of an exact Gaussian", fontsize=9)
    right.set_xlabel("where in its heatmap pixel the keypoint lies", fontsize=8)
    right.set_ylabel("input pixels (of 128)", fontsize=8)
    right.legend(fontsize=7)
    for axes in (left, right):
        axes.tick_params(labelsize=7)
    save("decoding", figure)


def flip_test(predictor: Predictor) -> None:
    """The left shoulder's map of the picture, of its mirror image put back, and their mean."""
    shown, images = crop_of_portrait(predictor, WIDER)
    network, k = predictor.network, predictor.skeleton.index("left_shoulder")
    with torch.inference_mode():
        straight = network.heatmaps(images)[0, -1]
        mean = network.heatmaps(images, flip_test=True)[0, -1]
    figure = canvas(8.6, 2.6)
    whole = np.array([[1, 0, 0], [0, 1, 0]], np.float64) / 4
    whole[:, 2] = -0.375
    for axes, (name, maps) in zip(
        figure.subplots(1, 4),
        (("crop", None), ("the picture", straight), ("mirrored, put back", 2 * mean - straight), ("mean of both", mean)),
        strict=True,
    ):
        if maps is None:
            plain(axes, name).imshow(shown)
        else:
            one = maps[k].clamp(min=0).numpy()
            plain(axes, f"{name}: peak {one.max():.2f}").imshow(fused_heatmaps(shown, one[None], whole))
    save("flip", figure)


def measures() -> None:
    """What PCK and OKS make of a distance, for keypoints of a person whose torso is 100 pixels long and who covers 200 x 400 / 2 of them."""
    figure = canvas(8.6, 2.8)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.8])
    left.set_aspect("equal")
    left.plot([0, 0], [0, 100], color="black", linewidth=2)
    left.text(4, 50, "torso = 1", fontsize=8)
    for centre in ((0, 0), (0, 100)):
        left.add_patch(Circle(centre, 20, fill=False, edgecolor=BLUE, linewidth=1.5))
        left.add_patch(Circle(centre, 10, fill=False, edgecolor=GREEN, linewidth=1.5))
    left.set(xlim=(-45, 60), ylim=(130, -30))
    plain(left, "PCK@0.2 (blue), PCK@0.1 (green)")
    distance = np.linspace(0, 60, 241)
    right.step(distance, distance <= 20, color=BLUE, label="PCK@0.2: right or wrong", where="post")
    for name, colour in (("left_eye", RED), ("left_wrist", ORANGE), ("left_hip", PURPLE)):
        right.plot(distance, similarity(name, distance), color=colour, label=f"OKS, {name}")
    right.set_xlabel("distance from the label, pixels", fontsize=8)
    right.legend(fontsize=7)
    right.tick_params(labelsize=7)
    save("measures", figure)


def similarity(keypoint: str, distance: np.ndarray) -> np.ndarray:
    """OKS of one keypoint by the function that `evaluate` uses."""
    truth = np.zeros((len(distance), 1, 2))
    predicted = truth.copy()
    predicted[:, 0, 0] = distance
    sigma = np.array([(COCO.sigmas or ())[COCO.index(keypoint)]])
    return oks(predicted, truth, np.ones((len(distance), 1), bool), np.full(len(distance), 200 * 400 / 2), sigma)


def everything() -> Iterator[Callable[[], None]]:
    """Each figure, in the order of the page."""
    yield from (batches, optimisers, convolution)
    predictor = load("hourglass-tiny-lsp", device="cpu", engine="torch")
    yield lambda: feature_maps(predictor)
    yield residual
    yield lambda: hourglass(predictor)
    yield from (targets, decoding)
    yield lambda: flip_test(predictor)
    yield measures


if __name__ == "__main__":
    for draw in everything():
        draw()
