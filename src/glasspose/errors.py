"""Every failure that a user can meet: what went wrong, where, and what to do about it, in one line; each kind with its exit code."""


class GlassposeError(Exception):
    """One line naming what and where, and the remedy. `exit_code` is what the command line ends with."""

    exit_code = 1
    code = "error"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


class UsageError(GlassposeError):
    """The command, the arguments or the recipe do not make sense."""

    exit_code = 2
    code = "usage"


class InputError(GlassposeError):
    """A file from outside cannot be used: an image, an annotation file, a box file, a pack."""

    exit_code = 5
    code = "input"


class ImageError(InputError):
    """An image cannot be read, or is larger than the limits allow."""

    code = "image"


class AnnotationError(InputError):
    """An annotation file is malformed or does not fit the skeleton."""

    code = "annotation"


class WeightsError(InputError):
    """A weight file or its card is corrupt, or does not fit the network."""

    code = "weights"


class MissingError(GlassposeError):
    """Something is not here: a package, a device, a program."""

    exit_code = 6
    code = "missing"


class TrainingError(GlassposeError):
    """Training cannot go on: the loss is not finite, or the network has collapsed."""

    exit_code = 1
    code = "training"


class ExportError(GlassposeError):
    """An exported network does not do what PyTorch does, or loses too much; no file is left."""

    exit_code = 5
    code = "export"
