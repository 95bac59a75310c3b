"""What `glasspose predict FOLDER` does between reading its options and its last line."""

from pathlib import Path

from glasspose.prediction import Predictor
from glasspose.results import Results
from glasspose.sources import open_source
from glasspose.streaming import answers


def predict_folder(predictor: Predictor, folder: Path, out: Path) -> None:
    """JSON and an overlay for each picture."""
    with Results(out) as results:
        for answer in answers(predictor, open_source(folder).frames):
            assert answer.image is not None
            assert answer.poses is not None
            results.add(answer.frame.name, answer.frame.origin, answer.image, answer.poses)
