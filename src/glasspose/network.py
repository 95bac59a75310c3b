"""A network together with what is needed to use it: its configuration, its codec and its skeleton."""

import copy
import os
import shutil
from importlib.util import find_spec
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from glasspose.codecs import build_codec
from glasspose.configs.codecs import Codec, Decoder, Heatmap
from glasspose.configs.framing import Framing
from glasspose.configs.models import Model
from glasspose.configs.pairing import mismatch
from glasspose.errors import MissingError, UsageError
from glasspose.models import build_model
from glasspose.skeletons import Skeleton


class PoseNetwork(nn.Module):
    """Normalised crops in, keypoints in input pixels out. `model` alone holds the weights."""

    def __init__(self, model: Model, codec: Codec, skeleton: Skeleton, framing: Framing | None = None) -> None:
        super().__init__()
        if problem := mismatch(model, codec):
            raise UsageError(problem)
        self.model_config, self.codec_config, self.skeleton, self.framing = model, codec, skeleton, framing or Framing()
        self.codec = build_codec(codec, skeleton, model.input_size, model.stride)
        self.model: nn.Module = build_model(model, self.codec.output_channels, len(skeleton))

    def around(self, model: nn.Module) -> "PoseNetwork":
        """The same codec and skeleton around another model of the same shape, such as an average of this one."""
        other = copy.copy(self)
        other._modules = {**self._modules, "model": model}
        return other

    def decoded(self, decoder: Decoder) -> "PoseNetwork":
        """The same weights, their heatmaps read off in another way. UsageError where the codec is not the heatmap's."""
        if not isinstance(self.codec_config, Heatmap):
            raise UsageError(f"a codec of kind {self.codec_config.kind} has no choice of decoders", "Leave --decoder out")
        other = self.around(self.model)
        other.codec_config = self.codec_config.model_copy(update={"decoder": decoder})
        other._modules = {**other._modules, "codec": build_codec(other.codec_config, self.skeleton, self.input_size, self.codec.stride)}
        return other

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.model_config.input_size

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B S ..."]:
        """The raw output of every stack."""
        raw: Tensor = self.model(images)
        return raw

    def answers(self, images: Float[Tensor, "B 3 H W"], raw: Tensor | None = None, *, flip_test: bool = False) -> Float[Tensor, "B S ..."]:
        """The codec's answer of every stack, from the raw output if that is at hand already.

        The flip test averages it with that for the mirrored pictures, mirrored back, left and right swapped. Skeletons that have no mirror
        image (`Skeleton.mirrors`) are not asked.
        """
        views = self.views(images, raw, flip_test=flip_test)
        return views[0] if len(views) == 1 else (views[0] + views[1]) / 2

    def views(self, images: Float[Tensor, "B 3 H W"], raw: Tensor | None = None, *, flip_test: bool = False) -> list[Float[Tensor, "B S ..."]]:
        """The answer for the pictures and, with the flip test, that for the mirrored ones, mirrored back."""
        answers = [self.codec.activate(self.model(images) if raw is None else raw)]
        if flip_test and self.skeleton.mirrors:
            answers.append(self.codec.mirrored(self.codec.activate(self.model(images.flip(-1))), self.skeleton.flip))
        return answers

    def heatmaps(self, images: Float[Tensor, "B 3 H W"], raw: Tensor | None = None, *, flip_test: bool = False) -> Float[Tensor, "B S K h w"]:
        """The answers of every stack as maps."""
        return self.codec.maps(self.answers(images, raw, flip_test=flip_test))

    @torch.no_grad()
    def keypoints(self, images: Float[Tensor, "B 3 H W"], *, flip_test: bool = False) -> tuple[Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
        """Keypoints in input pixels and their scores, from the last stack."""
        return self.codec.agreed([view[:, -1] for view in self.views(images, flip_test=flip_test)])


class Learner(nn.Module):
    """A network with its loss: one module, because processes that train together agree on gradients only through `forward`.

    The learned parts of a codec (those of RLE) are trained here and needed nowhere else.
    """

    def __init__(self, network: PoseNetwork) -> None:
        super().__init__()
        self.model, self.codec = network.model, network.codec

    def forward(
        self, images: Float[Tensor, "B 3 H W"], keypoints: Float[Tensor, "B K 2"], labelled: Bool[Tensor, "B K"], occluded: Bool[Tensor, "B K"]
    ) -> tuple[Float[Tensor, "B S ..."], Float[Tensor, "B S"]]:
        """The raw output, and for each person and stack the loss summed over the supervised keypoints, in 32 bits."""
        raw: Tensor = self.model(images)
        with torch.autocast(images.device.type, enabled=False):
            return raw, self.codec.losses(raw.float(), keypoints, labelled, occluded)


def compiled(learner: Learner, device: torch.device) -> nn.Module:
    """The same module through torch.compile, on a GPU with tuned kernels; parameters and their names stay the learner's.

    MissingError where what compiles is not here: a C++ compiler for a CPU, Triton for a GPU.
    """
    if device.type == "cuda" and find_spec("triton") is None:
        raise MissingError("compiling for a GPU needs Triton", "pip install triton, or leave compiled out")
    if device.type != "cuda" and not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++")):
        raise MissingError("compiling for a CPU needs a C++ compiler", "Install g++, or leave compiled out")
    made: Any = torch.compile(learner, mode="max-autotune-no-cudagraphs" if device.type == "cuda" else "default")
    return cast("nn.Module", made)
