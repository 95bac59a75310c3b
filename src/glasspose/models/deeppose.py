"""A convolutional network in the form of AlexNet that says coordinates: DeepPose (Toshev and Szegedy, CVPR 2014).

The layers, in their order, are those of Calvo and Cañadillas, "Application of convolutional neural networks to the problem of pose detection
in images": with 220 x 220 pixels the maps have 55, 27, 13 and 6 places a side, and there are 58.30 million parameters for 4 outputs, 58.41
for 32. What they leave open is TensorFlow's default: the response normalisation over 11 channels (bias 1, alpha 1, beta 0.5), 'same' padding
(3 before and 4 behind for the strided convolution), Glorot's initial weights.
"""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn

from glasspose.configs.models import DeepPose
from glasspose.models.heads import vector_head
from glasspose.models.pixels import Pixels

RADIUS = 5
"""Channels on each side that normalise a response."""


class DeepPoseNetwork(nn.Module):
    """Five convolutions, two dense layers with dropout, one vector.

    The document divides pixels by 255 inside the network; so this one first undoes the normalisation of batches. Without `scaling` it sees
    pixels between 0 and 255.
    """

    def __init__(self, config: DeepPose, outputs: int) -> None:
        super().__init__()
        a, b, c, d, e = config.widths
        self.scale = Pixels() if config.scaling else Pixels(deviation=(1 / 255,) * 3)
        self.stem = nn.Sequential(nn.ZeroPad2d((3, 4, 3, 4)), nn.Conv2d(3, a, 11, stride=4), nn.ReLU(inplace=True), _normalised(), nn.MaxPool2d(2))
        self.layer1 = nn.Sequential(nn.Conv2d(a, b, 5, padding=2), nn.ReLU(inplace=True), _normalised(), nn.MaxPool2d(2))
        self.layer2 = nn.Sequential(nn.Conv2d(b, c, 3, padding=1), nn.ReLU(inplace=True))
        self.layer3 = nn.Sequential(nn.Conv2d(c, d, 3, padding=1), nn.ReLU(inplace=True))
        self.layer4 = nn.Sequential(nn.Conv2d(d, e, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        places = [side // 4 // 2 // 2 // 2 for side in config.input_size]
        self.dense = nn.Sequential(nn.Flatten(), *_dense(e * places[0] * places[1], config))
        self.head = vector_head(config.dense or e * places[0] * places[1], outputs)
        for module in (*self.stem, *self.layer1, *self.layer2, *self.layer3, *self.layer4, *self.dense):
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 C"]:
        """Normalised images to numbers."""
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(self.scale(images))))))
        numbers: Tensor = self.head(self.dense(x))
        return numbers[:, None]

    def taps(self) -> Mapping[str, nn.Module]:
        """The places whose outputs explanations look at: the layers, of the first two also convolution (with ReLU) and normalisation apart.

        A layer as a whole ends in its pooling, where it has one.
        """
        apart = {f"{name}.{part}": layer for name in ("stem", "layer1") for part, layer in _parts(getattr(self, name)).items()}
        whole = {name: getattr(self, name) for name in ("stem", "layer1", "layer2", "layer3", "layer4")}
        order = ("stem.conv", "stem.norm", "stem", "layer1.conv", "layer1.norm", *whole)
        return {name: (apart | whole)[name] for name in order} | {"stack0.features": self.dense}


def _parts(block: nn.Sequential) -> dict[str, nn.Module]:
    """The ReLU, which changes in place what the convolution gave, and the normalisation."""
    named = {nn.ReLU: "conv", nn.LocalResponseNorm: "norm"}
    return {named[type(layer)]: layer for layer in block if type(layer) in named}


def _dense(features: int, config: DeepPose) -> list[nn.Module]:
    sizes = [(features, config.dense), (config.dense, config.dense)] if config.dense else []
    return [layer for inputs, outputs in sizes for layer in (nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(config.dropout))]


def _normalised() -> nn.Module:
    size = 2 * RADIUS + 1
    return nn.LocalResponseNorm(size, alpha=float(size), beta=0.5, k=1.0)  # torch divides alpha by the size, TensorFlow does not
