"""The experiments of docs/results.md: each cell is one training run and its measurement.

A cell changes `options` of a recipe, at every size; `small` and `full` say how large it is, for two CPU cores and for a GPU. Within a table
everything else is the same: people, views, schedule and epochs, except where a cell's name says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SMALL = "recipes/small-lsp.yaml"
GPU = ("--model.input-size", "256", "256", "--packing.size", "256", "--workers", "12")
LARGE = (*GPU, "--epochs", "60")
FULL = (*LARGE, "--model.channels", "256")


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
    small: Sequence[str] | None = ()
    """What makes it small; None where it is too much for two CPU cores."""
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
    explains: bool = False
    """It asks `explain skips` what the weights of `init` lose without any of them."""
    trains: bool = True
    """False: it measures the weights of `init` again, in another way."""
    baseline: str | None = ""
    """The cell that it is compared with: the first of its table where empty, none at all where None."""
    document: str = ""
    """What the document behind it reports."""
    why: str = ""
    """Why that differs."""

    @property
    def heads(self) -> bool:
        """Whether it finds head boxes."""
        return self.group == HEADS

    @property
    def protocols(self) -> tuple[str, ...]:
        """The documents' ways of counting that its labels allow."""
        return () if self.heads else PROTOCOLS[self.measured]

    def words(self, size: str) -> tuple[str, ...]:
        """The options at a size, small or full."""
        return (*((self.small or ()) if size == "small" else self.full), *self.options)


STACKS = "Stacks and residuals"
THESIS = "The thesis: skips, autoencoder, controls"
SQUEEZED = "The same questions to Newell's hourglass"
LOSSES = "Losses and targets"
REGRESSION = "Regression against heatmaps"
OTHERS = "Other networks"
VIEWS = "What is seen in training"
DECODING = "Decoding"
HEADS = "Head boxes"
CROSS = "From one data set to another"
VICTORIA = "Victoria's hourglass on COCO"

PROTOCOLS = {
    "lspet": ("thesis", "thesis_visible", "thesis_limbs", "head_segment@0.5"),
    "coco": ("thesis", "thesis_visible", "thesis_limbs", "uvic", "uvic_x_only"),
}
OWN_MEASURE = {THESIS: "thesis", SQUEEZED: "thesis", REGRESSION: "head_segment@0.5", VICTORIA: "uvic_x_only"}
"""The measure of the document that a table follows."""

HEAD = ("--data.skeleton", "head_box", "--augmentation.rotation", "0")
FEW = ("--epochs", "60", "--augmentation.occlusion", "0.1")
"""COCO here is 367 people: as many steps as half a small cell takes."""
FEW_FULL = (*GPU, "--model.channels", "256", "--epochs", "600", "--augmentation.occlusion", "0.1")
PLAIN = ("flip", "rotation", "scale", "translation", "colour")
UVIC = ("--model.kind", "uvic_hourglass", "--model.depth", "3")
CODE = ("--model.autoencoder.code", "50", "--autoencoder-training.epochs", "20")
LINEAR = ("--model.autoencoder.linear", "--autoencoder-training.start", "pca")
ORIGINAL = ("--codec.target", "thesis", "--codec.unlabelled", "zero", "--codec.decoder", "argmax")
COPENHAGEN = "another data set and size (COCO, 256 px)"

NUMBERS = ("--codec.kind", "coordinates", "--codec.output", "relu", "--codec.no-presence", "--codec.unlabelled", "mask")
SLOWER = ("--optimiser.learning-rate", "0.0005")
"""Of what ends in dense layers: at the hourglass's rate it does not learn."""
DEEPPOSE = ("--model.kind", "deeppose", *NUMBERS, *SLOWER)
DEEPPOSE_SMALL = ("--model.widths", "48", "128", "192", "192", "128", "--model.dense", "1024")
RESNET = ("--model.kind", "resnet", "--model.no-pretrained", *SLOWER)
RESNET_SMALL = ("--model.backbone", "resnet18")


def regressors(group: str, prefix: str = "", more: Sequence[str] = ()) -> tuple[Cell, ...]:
    """The networks that answer with numbers, for poses or head boxes."""
    pose = group == REGRESSION
    documents = ("30 %", "50 %") if pose else ("square error, px²", "")
    why = "MPII, ImageNet weights for the second, missing joints counted" if pose else "MPII's boxes and pictures"
    return (
        Cell(
            name=f"{prefix}deeppose",
            group=group,
            label="DeepPose's network (small: half as wide)",
            options=(*DEEPPOSE, *more),
            small=DEEPPOSE_SMALL,
            full=LARGE,
            systems="M9" if pose else "M11",
            document=documents[0],
            why=why,
        ),
        Cell(
            name=f"{prefix}resnet",
            group=group,
            label="ResNet, coordinates",
            options=(*RESNET, *NUMBERS, *more),
            small=(*RESNET_SMALL, "--model.dense", "512"),
            full=(*LARGE, "--model.dense", "4096"),
            systems="M10" if pose else "M11",
            document=documents[1],
            why=why if pose else "",
        ),
        Cell(
            name=f"{prefix}rle",
            group=group,
            label="ResNet, RLE",
            options=(*RESNET, "--codec.kind", "rle", *more),
            small=RESNET_SMALL,
            full=(*LARGE, "--model.backbone", "resnet50"),
            systems="M14",
        ),
        Cell(name=f"{prefix}dsnt", group=group, label="hourglass, DSNT", options=(*more, "--codec.kind", "soft_argmax"), systems="M14"),
    )


CELLS = (
    Cell(name="newell-1", group=STACKS, label="Newell, 1 stack", systems="M1 M2 M3"),
    Cell(name="newell-2", group=STACKS, label="Newell, 2 stacks", options=("--model.stacks", "2"), systems="M4"),
    Cell(name="newell-4", group=STACKS, label="Newell, 4 stacks", options=("--model.stacks", "4"), systems="M4"),
    Cell(name="newell-8", group=STACKS, label="Newell, 8 stacks", options=("--model.stacks", "8"), small=None, systems="M4"),
    Cell(name="uvic", group=STACKS, label="Victoria's, 1 stack", options=UVIC, systems="M8"),
    Cell(name="uvic-separable", group=STACKS, label="Victoria's, separable", options=(*UVIC, "--model.separable"), baseline="uvic", systems="M8"),
    Cell(
        name="thesis-residual", group=STACKS, label="the thesis's, 1 stack", options=("--model.kind", "thesis_hourglass"), small=None, systems="M1 M5"
    ),
    *(
        Cell(
            name=f"thesis{original}{ending}",
            group=THESIS,
            label=f"{'thesis targets, ' if original else ''}{label}",
            recipe=f"recipes/thesis-{recipe}-lsp.yaml",
            options=(*(ORIGINAL if original else ()), *options),
            init=None if starts is None else f"thesis{original}{starts}",
            small=None,
            full=("--workers", "12"),
            baseline=f"thesis{original}",
            systems=systems,
            document=document,
            why=why,
        )
        for original in ("", "-original")
        for ending, label, recipe, options, starts, systems, document, why in (
            ("", "thesis hourglass", "hourglass", (), None, "M5", ".441", COPENHAGEN),
            ("-control", "the same epochs again", "control", (), "", "M6", "never run", ""),
            ("-autoencoder", "+ autoencoder", "autoencoder", (), "", "M6 X9", ".474 (+7.5 %)", "the thesis ran no control"),
            ("-linear", "+ 50 linear numbers", "linear", (), "", "M6", "never run", ""),
            ("-no-skips", "retrained without skips", "no-skips", (), None, "M7", "never run", "the thesis took them from a trained one (.179)"),
            ("-2", "2 stacks", "hourglass", ("--model.stacks", "2"), None, "M15", "", ""),
            ("-2-autoencoder", "2 stacks, + an autoencoder each", "autoencoder", ("--model.stacks", "2"), "-2", "M15", "", ""),
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
            ("before", "Newell, 1 stack", (), "newell-1", False, "M1", ".441"),
            ("control", "the same epochs again", (), "newell-1", True, "M6", "never run"),
            ("autoencoder", "+ autoencoder", CODE, "newell-1", True, "M6 X9", ".474"),
            ("linear", "+ 50 linear numbers", (*CODE, *LINEAR), "newell-1", True, "M6", "never run"),
            ("no-skips", "retrained without skips", ("--model.no-skips",), None, True, "M7", "never run"),
        )
    ),
    Cell(
        name="squeezed-post-hoc",
        group=SQUEEZED,
        label="skips taken from the trained one",
        init="newell-1",
        trains=False,
        explains=True,
        systems="M7 X1",
        document=".441 to .179",
        why="Newell's network; zeros in their place",
    ),
    Cell(name="gaussian", group=LOSSES, label="MSE, sigma 1", systems="T2", init="newell-1", trains=False),
    Cell(name="weighted", group=LOSSES, label="weighted MSE", options=("--codec.loss", "weighted_mse"), systems="T9"),
    Cell(name="focal", group=LOSSES, label="focal", options=("--codec.loss", "focal"), systems="T9"),
    Cell(name="sigma-0.5", group=LOSSES, label="sigma 0.5", options=("--codec.sigma", "0.5"), systems="D10"),
    Cell(name="sigma-2", group=LOSSES, label="sigma 2", options=("--codec.sigma", "2"), systems="D10"),
    Cell(name="thesis-target", group=LOSSES, label="the thesis's targets (of sum 1)", options=("--codec.target", "thesis"), systems="D10"),
    Cell(name="zeros", group=LOSSES, label="empty maps for what is not labelled", options=("--codec.unlabelled", "zero"), systems="D11"),
    Cell(name="heatmaps", group=REGRESSION, label="hourglass, 1 stack", systems="M14", init="newell-1", trains=False),
    *regressors(REGRESSION),
    Cell(
        name="deeppose-raw",
        group=REGRESSION,
        label="DeepPose's network, pixels of 0 to 255",
        options=(*DEEPPOSE, "--model.no-scaling"),
        small=DEEPPOSE_SMALL,
        full=LARGE,
        baseline="deeppose",
        systems="M12",
    ),
    Cell(
        name="simcc",
        group=REGRESSION,
        label="ResNet, SimCC",
        options=(*RESNET, "--model.readout", "per_keypoint", "--codec.kind", "simcc", "--codec.bin-sigma", "5.66"),
        small=RESNET_SMALL,
        full=(*LARGE, "--model.backbone", "resnet50"),
        systems="M14",
    ),
    Cell(name="hourglass", group=OTHERS, label="hourglass, 1 stack", systems="M14", init="newell-1", trains=False),
    Cell(
        name="simple-baseline",
        group=OTHERS,
        label="SimpleBaseline (small: resnet18, 64 channels)",
        options=("--model.kind", "simple_baseline", "--model.no-pretrained", "--optimiser.learning-rate", "0.001"),
        small=("--model.backbone", "resnet18", "--model.deconvolution", "64"),
        full=(*LARGE, "--model.backbone", "resnet50"),
        systems="M14",
    ),
    Cell(
        name="hrnet",
        group=OTHERS,
        label="HRNet (small: w18 small)",
        options=("--model.kind", "hrnet", "--model.no-pretrained", "--optimiser.learning-rate", "0.001"),
        small=("--model.version", "hrnet_w18_small"),
        full=(*LARGE, "--model.version", "hrnet_w32"),
        systems="M14",
    ),
    Cell(name="small-augmentation", group=VIEWS, label="flip, rotation, scale", systems="D25", init="newell-1", trains=False),
    Cell(
        name="no-augmentation",
        group=VIEWS,
        label="none",
        options=[word for name in PLAIN for word in (f"--augmentation.{name}", "0")],
        systems="D17",
    ),
    *(
        Cell(name=name, group=VIEWS, label=f"Victoria's {name} set", options=("--augmentation.preset", name), systems="D17")
        for name in ("light", "medium", "heavy")
    ),
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
    Cell(name="head-hourglass", group=HEADS, label="hourglass, 1 stack", options=HEAD, systems="M11"),
    *regressors(HEADS, "head-", HEAD),
    Cell(
        name="head-unet",
        group=HEADS,
        label="U-Net",
        options=(*HEAD, "--model.kind", "unet", "--optimiser.learning-rate", "0.001"),
        small=("--model.width", "24"),
        full=LARGE,
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
        baseline=None,
        systems="D27",
        why="the 12 that both name",
    ),
    Cell(
        name="coco-coco",
        group=CROSS,
        label="COCO to COCO",
        small=FEW,
        full=FEW_FULL,
        learns="coco",
        measured="coco",
        baseline=None,
        why="17 keypoints; 367 people to learn from",
    ),
    Cell(
        name="coco-lspet",
        group=CROSS,
        label="COCO to LSPET",
        init="coco-coco",
        trains=False,
        learns="coco",
        baseline=None,
        systems="D27",
        why="the 12 that both name",
    ),
    Cell(
        name="coco-visible",
        group=CROSS,
        label="COCO, visible keypoints only, to COCO",
        small=FEW,
        full=FEW_FULL,
        options=("--codec.occluded", "mask"),
        learns="coco",
        measured="coco",
        baseline="coco-coco",
        systems="E4",
        why="hidden ones are left out of training, not of measuring",
    ),
    *(
        Cell(
            name=f"victoria-{name}",
            group=VICTORIA,
            label=label,
            options=(*UVIC, "--model.stacks", "4", *options),
            small=("--epochs", "30", "--augmentation.occlusion", "0.1"),
            full=FEW_FULL,
            learns="coco",
            measured="coco",
            systems="M8",
            document=document,
            why="COCO in full, 256 px" if document else "",
        )
        for name, label, options, document in (
            ("4", "4 stacks, linear", (), ""),
            ("4-sigmoid", "4 stacks, sigmoid", ("--model.output", "sigmoid"), "AP .575"),
            ("4-separable", "4 stacks, separable", ("--model.separable",), ""),
        )
    ),
    Cell(
        name="victoria-4-original",
        group=VICTORIA,
        label="4 stacks, sigmoid, read off and counted as there",
        init="victoria-4-sigmoid",
        trains=False,
        evaluate=("--decoder", "uvic_flip"),
        learns="coco",
        measured="coco",
        baseline="victoria-4-sigmoid",
        systems="E7",
        document="PCK .787",
        why="COCO in full, 256 px; keypoints that nobody labelled count as right where nothing is found (docs/metrics.md)",
    ),
)
