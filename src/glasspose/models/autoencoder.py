"""A narrow place in the middle of an hourglass: the whole bottleneck through a few numbers and back (the thesis' "modified hourglass")."""

from jaxtyping import Float
from torch import Tensor, nn

from glasspose.configs.models import Autoencoder


class SqueezingAutoencoder(nn.Module):
    """Bottleneck (B, C, h, w) to code (B, n) and back.

    With 256 channels, 4 x 4 pixels and a code of 50 numbers it has 1.58 million parameters (413 746 where it is linear).
    """

    encoder: nn.Sequential
    decoder: nn.Sequential

    def __init__(self, config: Autoencoder, shape: tuple[int, int, int]) -> None:
        """`shape`: channels, height and width of the bottleneck."""
        super().__init__()
        self.encoder, self.decoder = _linear(config, shape) if config.linear else _convolutional(config, shape)
        xavier(self)

    def forward(self, bottleneck: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """What the code holds of the bottleneck."""
        rebuilt: Tensor = self.decoder(self.encoder(bottleneck))
        return rebuilt


def _linear(config: Autoencoder, shape: tuple[int, int, int]) -> tuple[nn.Sequential, nn.Sequential]:
    size = shape[0] * shape[1] * shape[2]
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, config.code))
    return encoder, nn.Sequential(nn.Linear(config.code, size), nn.Unflatten(1, shape))


def _convolutional(config: Autoencoder, shape: tuple[int, int, int]) -> tuple[nn.Sequential, nn.Sequential]:
    """Three 3 x 3 convolutions that narrow to a quarter of the channels, a linear layer, and the same backwards."""
    channels, height, width = shape
    first, second, last = 3 * channels // 4, channels // 2, channels // 4
    size = last * height * width
    encoder = nn.Sequential(
        *(nn.Conv2d(channels, first, 3, padding=1), nn.ReLU(), nn.Conv2d(first, second, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(second, last, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(size, config.code), nn.ReLU()),
    )
    decoder = nn.Sequential(
        *(nn.Linear(config.code, size), nn.ReLU(), nn.Unflatten(1, (last, height, width))),
        *(nn.ConvTranspose2d(last, second, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(second, first, 3, padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(first, channels, 3, padding=1), *([nn.ReLU()] if config.output_relu else [])),
    )
    return encoder, decoder


def xavier(model: nn.Module) -> None:
    """Xavier-normal weights (Glorot and Bengio 2010); what has one dimension stays as it is."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_normal_(parameter)
