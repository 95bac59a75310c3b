"""Networks as files for other runtimes. Every export ends with a proof on pictures; where it fails, no file is left."""

from glasspose.exporting.exports import Exported, export
from glasspose.exporting.formats import FORMATS

__all__ = ["FORMATS", "Exported", "export"]
