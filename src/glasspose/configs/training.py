"""Everything that a training run depends on: the recipe. Nothing here imports torch."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from glasspose.configs.augmentation import ELSEWHERE, Augmentation
from glasspose.configs.codecs import Codec, Heatmap
from glasspose.configs.config import Config
from glasspose.configs.data import Data
from glasspose.configs.framing import Framing
from glasspose.configs.models import Autoencoder, Hourglass, Model, UvicHourglass
from glasspose.configs.pairing import mismatch

Decay = Annotated[float, Field(ge=0, lt=1)]


class Packing(Framing):
    """How people are cut out once, before training."""

    size: Annotated[int, Field(ge=32, le=1024)] = 256
    """Pixels along the person's square (1.25 x the longer labelled side, where `framing` and `margin` say nothing else) in the kept crop."""
    context: Annotated[float, Field(ge=1, le=4)] = 2.0
    """How much wider than that square the kept crop is, as room for augmentation."""


class _Optimiser(Config):
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Of weights; biases and normalisation never decay."""


class _AdamLike(_Optimiser):
    betas: tuple[Decay, Decay] = (0.9, 0.999)


class _WithMomentum(_Optimiser):
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the last step that is taken again."""


class RmsProp(_WithMomentum):
    """RMSprop (Hinton 2012), Newell's optimiser."""

    kind: Literal["rmsprop"] = "rmsprop"
    alpha: Annotated[float, Field(ge=0, lt=1)] = 0.99
    epsilon: Annotated[float, Field(gt=0)] = 1e-8


class Sgd(_WithMomentum):
    """Stochastic gradient descent."""

    kind: Literal["sgd"] = "sgd"
    nesterov: bool = False
    """The gradient is taken where momentum leads (Sutskever et al. 2013)."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "Sgd":
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class Adam(_AdamLike):
    """Adam (Kingma and Ba 2015)."""

    kind: Literal["adam"] = "adam"


class AdamW(_AdamLike):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"


Optimiser = Annotated[RmsProp | Sgd | Adam | AdamW, Field(discriminator="kind")]


class Constant(Config):
    """The same learning rate throughout."""

    kind: Literal["constant"] = "constant"


class _Drops(Config):
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """What the learning rate is multiplied with at each drop."""


class Step(_Drops):
    """Drops at the start of each of these epochs (counted from 1)."""

    kind: Literal["step"] = "step"
    epochs: tuple[int, ...]


class Plateau(_Drops):
    """Drops when validation PCK has not grown for more than `patience` epochs."""

    kind: Literal["plateau"] = "plateau"
    patience: Annotated[int, Field(ge=0)] = 5
    minimum: Annotated[float, Field(ge=0)] = 0.0
    """The learning rate never falls below this."""


class Cosine(Config):
    """A linear warm-up, then a half cosine down to `final` times the learning rate."""

    kind: Literal["cosine"] = "cosine"
    warmup_epochs: Annotated[float, Field(ge=0)] = 1.0
    final: Annotated[float, Field(ge=0, le=1)] = 0.0


Schedule = Annotated[Constant | Step | Plateau | Cosine, Field(discriminator="kind")]


_KINDS = {"model": "hourglass", "codec": "heatmap"}


class AutoencoderTraining(Config):
    """A first stage for a model with an autoencoder: it learns alone to rebuild the bottlenecks of a trained network (--init), then goes into it."""

    epochs: Annotated[int, Field(ge=1)] = 100
    batch: Annotated[int, Field(ge=1)] = 16
    optimiser: Optimiser = Sgd(learning_rate=5e-4, momentum=0.9)
    halve_every: Annotated[int, Field(ge=1)] = 25
    """Epochs after which the learning rate is halved, again and again."""
    noise: Annotated[float, Field(ge=0)] = 0.1
    """What is rebuilt is hidden behind x + noise * x * N(0, 1), in training alone."""
    start: Literal["chance", "pca"] = "chance"
    """`pca`: a linear autoencoder starts as the principal components of the bottlenecks."""


class Recipe(Config):
    """A complete training run."""

    model: Model = Hourglass()
    codec: Codec = Heatmap()
    data: Data
    extra: tuple[Data, ...] = ()
    """More training people; their keypoints are taken over by name."""
    validation: str = "val"
    """The split of `data` that picks the best checkpoint."""
    weights: Path | None = None
    """A list of people of `data` (JSON, data/lists.py) with how much each counts in the loss; everybody else counts 1."""
    packing: Packing = Packing()
    augmentation: Augmentation = Augmentation()
    optimiser: Optimiser = AdamW(learning_rate=1e-3, weight_decay=0.01)
    schedule: Schedule = Cosine()
    autoencoder_training: AutoencoderTraining | None = None
    """A stage before the first epoch, where the weights given by --init have no autoencoder yet."""
    epochs: Annotated[int, Field(ge=1)] = 100
    batch: Annotated[int, Field(ge=1)] = 32
    """People between two steps of the optimiser, over all processes."""
    micro_batch: Annotated[int, Field(ge=1)] | None = None
    """People at once on one process; the gradients of a batch are added up. As many as there are where not given."""
    ema: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Decay of the exponential moving average of the weights, which is what is then validated and kept."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """Largest norm of the gradient."""
    early_stop: Annotated[int, Field(ge=1)] | None = None
    """Stop when validation PCK has not grown for so many epochs."""
    best_by: Literal["pck", "loss"] = "pck"
    """What makes an epoch the best: the highest validation PCK, or the lowest validation loss."""
    snapshots: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Epochs whose weights are kept in `snapshots/` of the run, to look at later."""
    precision: Literal["auto", "32", "bf16"] = "auto"
    """auto: bf16 on a GPU, 32 bits on a CPU, where bf16 is several times slower."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that prepare samples; the samples do not depend on it."""
    compiled: bool = False
    """Train through torch.compile: kernels that are fused, and on a GPU tuned, at the first steps. Weights and their names are the same."""
    on_device: bool = False
    """Packs lie in the GPU's memory and views are made there, for a GPU that would wait for its samples: flip, rotation, scale, translation and
    colour alone."""

    @model_validator(mode="before")
    @classmethod
    def _kinds_have_defaults(cls, values: Any) -> Any:
        """A model without a kind is an hourglass and a codec without one a heatmap, as where none is named at all."""
        if not isinstance(values, dict):
            return values
        named = {key: values[key] for key in _KINDS if isinstance(values.get(key), dict)}
        return values | {key: {"kind": _KINDS[key], **given} for key, given in named.items()}

    @model_validator(mode="after")
    def _data_has_splits(self) -> "Recipe":
        if self.validation == self.data.split:
            raise ValueError(f"validation and training use the same split {self.data.split!r}")
        return self

    @model_validator(mode="after")
    def _views_are_made_on_the_device(self) -> "Recipe":
        more = [f"augmentation.{name}" for name in ELSEWHERE if getattr(self.augmentation, name)]
        if self.on_device and more:
            raise ValueError(f"on_device makes no such views: set {', '.join(more)} to 0")
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> "Recipe":
        if problem := mismatch(self.model, self.codec):
            raise ValueError(problem)
        if self.data.skeleton == "head_box" and self.augmentation.rotation > 0:
            raise ValueError("the corners of a turned box are not those of a box: head_box needs augmentation.rotation 0")
        return self

    @model_validator(mode="after")
    def _autoencoder_fits(self) -> "Recipe":
        squeezed: Autoencoder | None = getattr(self.model, "autoencoder", None)
        if self.autoencoder_training is not None and squeezed is None:
            raise ValueError("autoencoder_training needs a model with an autoencoder: set model.autoencoder")
        if self.autoencoder_training is not None and self.autoencoder_training.start == "pca" and not (squeezed and squeezed.linear):
            raise ValueError("autoencoder_training.start pca needs model.autoencoder.linear")
        return self

    @model_validator(mode="after")
    def _activation_fits(self) -> "Recipe":
        expects_logits = isinstance(self.codec, Heatmap) and (self.codec.activation == "sigmoid" or self.codec.loss in ("focal", "kl"))
        if isinstance(self.model, UvicHourglass) and self.model.output != "linear" and expects_logits:
            raise ValueError(f"the codec expects linear outputs, and model.output is {self.model.output}: leave one of them out")
        return self


def validation_data(recipe: Recipe) -> Data:
    """The configuration of the validation split, with everybody in it: runs that leave people out are judged on the same ones."""
    return recipe.data.model_copy(update={"split": recipe.validation, "leave_out": None})


PACKS = Path("packs")
"""Where packs are kept when a command names no other folder."""
