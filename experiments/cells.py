"""The experiments of docs/results.md: each cell is one training run and its measurement.

`options` hold at every size; `small` are what make a recipe of full size small enough for two CPU cores, `full` what makes the small
recipe large.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SMALL = "recipes/small-lsp.yaml"
FULL = ("--model.input-size", "256", "256", "--model.channels", "256", "--packing.size", "256", "--epochs", "60", "--workers", "12")


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
    small: Sequence[str] = ()
    full: Sequence[str] = FULL
    init: str | None = None
    """The cell whose best weights it starts from."""
    evaluate: Sequence[str] = ()
    """Options of `glasspose evaluate`."""
    learns: str = "lspet"
    """The data that it is trained on, a kind and a folder."""
    measured: str = "lspet"
    """The data whose validation people it is measured on."""
    systems: str = ""
    """Rows of docs/systems.md."""
    trains: bool = True
    """False: it measures the weights of `init` again, in another way."""
    document: str = ""
    """What the document behind it reports."""
    why: str = ""
    """Why that differs."""

    @property
    def heads(self) -> bool:
        """Whether it finds head boxes."""
        return self.group == HEADS

    def words(self, size: str) -> tuple[str, ...]:
        """The options at a size, small or full."""
        return (*(self.small if size == "small" else self.full), *self.options)


def regressor(recipe: str, *options: str) -> dict[str, Any]:
    """A recipe of another network, brought to the small cell's data and time."""
    small = ("--model.input-size", "128", "128", "--packing.size", "128", "--epochs", "6", "--batch", "32", "--workers", "0")
    return {"recipe": f"recipes/{recipe}.yaml", "small": (*small, *options), "full": ()}


THESIS = "The thesis: skips, autoencoder, controls"
SQUEEZED = "The same questions to Newell's hourglass"
STACKS = "Stacks and residuals"
LOSSES = "Losses and targets"
REGRESSION = "Regression against heatmaps"
VIEWS = "What is seen in training"
DECODING = "Decoding"
HEADS = "Head boxes"
CROSS = "From one data set to another"
VICTORIA = "Victoria's hourglass on COCO"
HEAD = ("--data.skeleton", "head_box")
FEW = ("--epochs", "60", "--augmentation.occlusion", "0.1")
"""COCO here is 367 people: as many steps as half a small cell takes."""
PLAIN = ("flip", "rotation", "scale", "translation", "colour")
THESIS_NET = ("--model.kind", "thesis_hourglass")
SHORT = ("--model.channels", "32", "--batch", "16", "--optimiser.learning-rate", "0.002", "--epochs", "5")
"""Its 3×3 skips cost four times a Newell hourglass of the same channels, and its head (K channels, batch norm, ReLU) begins far from zero: at the
settings of the other small cells it knows nothing after two epochs (validation PCK@0.2 2.9 %), and with these little more (4.0 %). Two CPU
cores are better spent on the same questions to Newell's network."""
CODE = ("--model.autoencoder.code", "50", "--autoencoder-training.epochs", "20")
LINEAR = ("--model.autoencoder.linear", "--autoencoder-training.start", "pca")
ORIGINAL = ("--codec.target", "thesis", "--codec.unlabelled", "zero", "--codec.decoder", "argmax")
DENSE = ("--optimiser.learning-rate", "0.0005", "--codec.unlabelled", "mask", "--augmentation.flip", "0.5")
COPENHAGEN = "another data set, size and PCK (COCO, 256 px, within 12.8 px); see `evaluate --protocols thesis`"

CELLS = (
    Cell(name="newell-1", group=STACKS, label="Newell, 1 stack", systems="M1 M2 M3"),
    Cell(name="newell-2", group=STACKS, label="Newell, 2 stacks", options=("--model.stacks", "2"), systems="M4"),
    Cell(name="newell-4", group=STACKS, label="Newell, 4 stacks", options=("--model.stacks", "4"), systems="M4"),
    Cell(name="uvic", group=STACKS, label="Victoria's, 1 stack", options=("--model.kind", "uvic_hourglass", "--model.depth", "3"), systems="M8"),
    Cell(
        name="uvic-separable",
        group=STACKS,
        label="Victoria's, separable",
        options=("--model.kind", "uvic_hourglass", "--model.depth", "3", "--model.separable"),
        systems="M8",
    ),
    Cell(
        name="thesis", group=THESIS, label="thesis hourglass", options=THESIS_NET, small=SHORT, systems="M5", document="test PCK .441", why=COPENHAGEN
    ),
    Cell(
        name="thesis-control",
        group=THESIS,
        label="the same epochs again",
        options=THESIS_NET,
        small=SHORT,
        init="thesis",
        systems="M6",
        document="never run",
    ),
    Cell(
        name="thesis-autoencoder",
        group=THESIS,
        label="+ autoencoder",
        options=(*THESIS_NET, *CODE),
        init="thesis",
        small=SHORT,
        systems="M6 X9",
        document="test PCK .474 (+7.5 %)",
        why="the thesis ran no control",
    ),
    Cell(
        name="thesis-linear",
        group=THESIS,
        label="+ 50 linear numbers",
        options=(*THESIS_NET, *CODE, *LINEAR),
        init="thesis",
        small=SHORT,
        systems="M6",
        document="never run",
    ),
    Cell(
        name="thesis-no-skips",
        group=THESIS,
        label="retrained without skips",
        options=(*THESIS_NET, "--model.no-skips"),
        small=SHORT,
        systems="M7",
        document=".179 (post hoc, training people)",
        why="post hoc and retrained are two questions",
    ),
    Cell(
        name="thesis-original",
        group=THESIS,
        label="thesis targets",
        options=(*THESIS_NET, *ORIGINAL),
        small=SHORT,
        systems="D10",
        document="test PCK .441",
        why=COPENHAGEN,
    ),
    *(
        Cell(
            name=f"thesis-original-{name}",
            group=THESIS,
            label=f"thesis targets, {label}",
            options=(*THESIS_NET, *ORIGINAL, *options),
            init="thesis-original",
            small=SHORT,
            systems="M6",
            document=document,
            why="the thesis ran no control" if name == "autoencoder" else "",
        )
        for name, label, options, document in (
            ("control", "the same epochs again", (), "never run"),
            ("autoencoder", "+ autoencoder", CODE, "test PCK .474 (+7.5 %)"),
            ("linear", "+ 50 linear numbers", (*CODE, *LINEAR), "never run"),
        )
    ),
    *(
        Cell(
            name=f"squeezed-{name}",
            group=SQUEEZED,
            label=label,
            options=options,
            init=init,
            trains=trains,
            systems=systems,
            document=document,
            why="Newell's network; the thesis ran no control" if name == "autoencoder" else "",
        )
        for name, label, options, init, trains, systems, document in (
            ("before", "Newell, 1 stack", (), "newell-1", False, "M1", ""),
            ("control", "the same epochs again", (), "newell-1", True, "M6", "never run"),
            ("autoencoder", "+ autoencoder", CODE, "newell-1", True, "M6 X9", "test PCK .441 to .474"),
            ("linear", "+ 50 linear numbers", (*CODE, *LINEAR), "newell-1", True, "M6", "never run"),
            ("no-skips", "retrained without skips", ("--model.no-skips",), None, True, "M7", "PCK .441 to .179 (post hoc)"),
        )
    ),
    Cell(name="gaussian", group=LOSSES, label="MSE, sigma 1", systems="T2", init="newell-1", trains=False),
    Cell(name="weighted", group=LOSSES, label="weighted MSE", options=("--codec.loss", "weighted_mse"), systems="T9"),
    Cell(name="focal", group=LOSSES, label="focal", options=("--codec.loss", "focal"), systems="T9"),
    Cell(name="sigma-0.5", group=LOSSES, label="sigma 0.5", options=("--codec.sigma", "0.5"), systems="D10"),
    Cell(name="sigma-2", group=LOSSES, label="sigma 2", options=("--codec.sigma", "2"), systems="D10"),
    Cell(name="heatmaps", group=REGRESSION, label="hourglass, 1 stack", systems="M14", init="newell-1", trains=False),
    Cell(
        name="deeppose",
        group=REGRESSION,
        label="deeppose, half as wide",
        **regressor("deeppose-pose-lsp", "--model.widths", "48", "128", "192", "192", "128", "--model.dense", "1024", *DENSE),
        systems="M9",
        document="30 % PCKh (head segment)",
        why="MPII, missing joints counted",
    ),
    Cell(
        name="resnet",
        group=REGRESSION,
        label="resnet18, coordinates",
        **regressor("resnetv2-pose-lsp", "--model.backbone", "resnet18", "--model.no-pretrained", "--model.dense", "512", *DENSE),
        systems="M10",
        document="50 % PCKh (head segment)",
        why="MPII, ImageNet weights, missing joints counted",
    ),
    Cell(
        name="rle",
        group=REGRESSION,
        label="resnet18, RLE",
        **regressor("rle-lsp", "--model.backbone", "resnet18", "--model.no-pretrained"),
        systems="M14",
    ),
    Cell(name="dsnt", group=REGRESSION, label="hourglass, DSNT", options=("--codec.kind", "soft_argmax"), systems="M14"),
    Cell(
        name="no-augmentation",
        group=VIEWS,
        label="no augmentation",
        options=[word for name in PLAIN for word in (f"--augmentation.{name}", "0")],
        systems="D17",
    ),
    Cell(name="small-augmentation", group=VIEWS, label="flip, rotation, scale", systems="D25", init="newell-1", trains=False),
    Cell(name="heavy", group=VIEWS, label="Victoria's heavy set", options=("--augmentation.preset", "heavy"), systems="D17"),
    Cell(name="margin-1.1", group=VIEWS, label="margin 110 %", options=("--packing.margin", "1.1"), systems="D16"),
    Cell(name="margin-1.5", group=VIEWS, label="margin 150 %", options=("--packing.margin", "1.5"), systems="D16"),
    Cell(name="flip-test", group=DECODING, label="DARK and flip test", init="newell-1", trains=False, systems="E7"),
    Cell(
        name="no-flip-test",
        group=DECODING,
        label="DARK alone",
        init="newell-1",
        trains=False,
        evaluate=("--no-flip-test",),
        systems="E7",
        document="3 to 5 % lost (COCO AP)",
    ),
    Cell(
        name="quarter", group=DECODING, label="quarter and flip test", init="newell-1", trains=False, evaluate=("--decoder", "quarter"), systems="M3"
    ),
    Cell(
        name="argmax",
        group=DECODING,
        label="whole pixels and flip test",
        init="newell-1",
        trains=False,
        evaluate=("--decoder", "argmax"),
        systems="M3",
    ),
    Cell(name="head-hourglass", group=HEADS, label="hourglass, 1 stack", options=(*HEAD, "--augmentation.rotation", "0"), systems="M11"),
    Cell(
        name="head-deeppose",
        group=HEADS,
        label="deeppose, half as wide",
        **regressor(
            "deeppose-head-lsp", "--model.widths", "48", "128", "192", "192", "128", "--model.dense", "1024", "--optimiser.learning-rate", "0.0005"
        ),
        systems="M11",
        document="square error, px²",
        why="MPII's boxes and pictures",
    ),
    Cell(
        name="head-resnet",
        group=HEADS,
        label="resnet18, coordinates",
        **regressor("resnetv2-pose-lsp", "--model.backbone", "resnet18", "--model.no-pretrained", "--model.dense", "512", *DENSE, *HEAD),
        systems="M11",
    ),
    Cell(
        name="head-rle",
        group=HEADS,
        label="resnet18, RLE",
        **regressor("rle-lsp", "--model.backbone", "resnet18", "--model.no-pretrained", "--augmentation.rotation", "0", *HEAD),
        systems="M14",
    ),
    Cell(
        name="head-dsnt",
        group=HEADS,
        label="hourglass, DSNT",
        options=(*HEAD, "--augmentation.rotation", "0", "--codec.kind", "soft_argmax"),
        systems="M14",
    ),
    Cell(
        name="head-unet",
        group=HEADS,
        label="U-Net",
        **regressor("unet-head-lsp", "--model.width", "24"),
        systems="M14",
    ),
    Cell(name="lspet-lspet", group=CROSS, label="LSPET to LSPET", init="newell-1", trains=False, why="14 keypoints"),
    Cell(
        name="lspet-coco",
        group=CROSS,
        label="LSPET to COCO",
        init="newell-1",
        trains=False,
        measured="coco",
        systems="D27",
        why="the 12 that both name",
    ),
    Cell(
        name="coco-coco", group=CROSS, label="COCO to COCO", small=FEW, learns="coco", measured="coco", why="17 keypoints; 367 people to learn from"
    ),
    Cell(
        name="coco-lspet",
        group=CROSS,
        label="COCO to LSPET",
        init="coco-coco",
        trains=False,
        learns="coco",
        systems="D27",
        why="the 12 that both name",
    ),
    Cell(
        name="coco-visible",
        group=CROSS,
        label="COCO, visible keypoints only, to COCO",
        small=FEW,
        options=("--codec.occluded", "mask"),
        learns="coco",
        measured="coco",
        systems="E4",
        why="hidden ones are left out of training, not of measuring",
    ),
    *(
        Cell(
            name=f"victoria-{name}",
            group=VICTORIA,
            label=label,
            options=("--model.kind", "uvic_hourglass", "--model.depth", "3", "--model.stacks", "4", *options),
            small=("--epochs", "30"),
            learns="coco",
            measured="coco",
            systems="M8",
            document=document,
            why="COCO in full, 256 px, 256 channels" if document else "",
        )
        for name, label, options, document in (
            ("4", "4 stacks, linear", (), ""),
            ("4-sigmoid", "4 stacks, sigmoid", ("--model.output", "sigmoid"), "PCK@0.2 .787, AP .575"),
            ("4-separable", "4 stacks, separable", ("--model.separable",), ""),
        )
    ),
)
