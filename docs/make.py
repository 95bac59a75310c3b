"""Make the pictures of README and docs again: `make docs-pictures`. Only drawn people and the portrait that ships inside matplotlib are shown."""

import tempfile
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np

from glasspose.benchmarks.reports import table
from glasspose.configs.data import DrawnPeople
from glasspose.data import read
from glasspose.data.showing import people_sheet
from glasspose.drawing import draw_poses, fused_heatmaps
from glasspose.geometry import compose, resize_matrix
from glasspose.images import load_image, save_image
from glasspose.prediction import load

IMAGES = Path(__file__).parent / "images"
HEIGHT = 420
RATIOS = "<!-- ratios -->\n"


def portrait() -> None:
    """Photograph, heatmaps and skeleton side by side."""
    photo = load_image(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    predictor = load()
    maps, crop = predictor.heatmaps(photo)
    size = predictor.network.input_size
    to_heatmap = compose(resize_matrix(size, (maps.shape[2], maps.shape[3])), crop.matrix(size))
    row = [photo, fused_heatmaps(photo, maps[-1], to_heatmap), draw_poses(photo, predictor.predict(photo))]
    width = round(HEIGHT * photo.shape[1] / photo.shape[0])
    small = [cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA) for picture in row]
    save_image(IMAGES / "portrait.jpg", np.hstack(small), 85)


def drawn_people() -> None:
    """A dozen drawn people with their labels."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = read(DrawnPeople(count=12, seed=3, folder=Path(folder)))
        save_image(IMAGES / "drawn_people.jpg", people_sheet(dataset, range(12)), 80)


def ratios() -> None:
    """The table of performance.md, from the kept results."""
    page = Path(__file__).parent / "performance.md"
    before = page.read_text().split(RATIOS)[0]
    page.write_text(before + RATIOS + table(page.parent / "results/bench/two-cpu-cores"))


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    portrait()
    drawn_people()
    ratios()
