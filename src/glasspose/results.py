"""What `predict` leaves behind: for each picture NAME.pose.json and NAME.pose.jpg, for all of them poses.csv and coco_results.json, and for
a video one overlay video.
"""

import csv
import json
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2

from glasspose.background import Background
from glasspose.drawing import draw_poses, fused_heatmaps, heatmap_grid
from glasspose.errors import InputError
from glasspose.files import write_atomically
from glasspose.geometry import compose, resize_matrix, warp
from glasspose.images import save_image
from glasspose.prediction import Predictor
from glasspose.structures import Image, Poses

COLUMNS = ("image", "time", "person", "track", "person_score", "keypoint", "x", "y", "score", "seen")


class Results:
    """A folder of results. `fps` makes it a video's: one overlay video instead of a picture for each frame."""

    def __init__(self, folder: Path, *, fps: float | None = None, overlays: bool = True) -> None:
        self.folder, self.fps, self.overlays = folder, fps, overlays
        self._coco: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []
        self._video: cv2.VideoWriter | None = None
        self._behind = Background()

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._csv = (self.folder / "poses.csv").open("w", newline="", encoding="utf-8", errors="backslashreplace")
        except OSError as problem:
            raise InputError(f"cannot write into {self.folder}: {problem.strerror}", "Name another folder with --out") from None
        self._rows = csv.writer(self._csv)
        self._rows.writerow(COLUMNS)
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self._behind.finish(failed=kind is not None)
        finally:
            self._close()

    def _close(self) -> None:
        self._csv.close()
        if self._video is not None:
            self._video.release()
        results = {"images": self._images, "annotations": self._coco}
        write_atomically(self.folder / "coco_results.json", json.dumps(results["annotations"]).encode())
        write_atomically(self.folder / "images.json", json.dumps(results["images"], indent=1).encode())

    def add(self, name: str, origin: str, image: Image, poses: Poses, time: float | None = None) -> None:
        """The results of one frame; drawn and written behind the caller. InputError, perhaps of an earlier frame, where the disk refuses."""
        self._behind.do(partial(self._add, name, origin, image, poses, time))

    def _add(self, name: str, origin: str, image: Image, poses: Poses, time: float | None) -> None:
        number = len(self._images) + 1
        self._images.append({"id": number, "file_name": origin, "width": poses.size[1], "height": poses.size[0]})
        self._coco += poses.to_coco(number)
        self._add_rows(origin, poses, time)
        if self.fps is None:
            write_atomically(self.folder / f"{name}.pose.json", (json.dumps(poses.to_json(Path(origin).name), indent=1) + "\n").encode())
            if self.overlays:
                save_image(self.folder / f"{name}.pose.jpg", draw_poses(image, poses))
        elif self.overlays:
            self._add_frame(name, draw_poses(image, poses))

    def add_heatmaps(self, name: str, image: Image, predictor: Predictor) -> None:
        """The fused overlay NAME.heatmaps.jpg and the grid of stacks and keypoints NAME.stacks.jpg, of the crop that `predict` ends with."""
        maps, crop = predictor.heatmaps(image)
        size = predictor.network.input_size
        to_input = crop.matrix(size)
        to_heatmap = compose(resize_matrix(size, (maps.shape[2], maps.shape[3])), to_input)
        save_image(self.folder / f"{name}.heatmaps.jpg", fused_heatmaps(image, maps[-1], to_heatmap))
        save_image(self.folder / f"{name}.stacks.jpg", heatmap_grid(warp(image, to_input, size), maps, predictor.skeleton))

    def _add_rows(self, origin: str, poses: Poses, time: float | None) -> None:
        for n in range(len(poses)):
            person = [origin, "" if time is None else f"{time:.4f}", n, "" if poses.track_ids is None else poses.track_ids[n]]
            for k, keypoint in enumerate(poses.skeleton.keypoints):
                x, y = poses.keypoints[n, k]
                row = [f"{poses.person_scores[n]:.4f}", keypoint, f"{x:.3f}", f"{y:.3f}", f"{poses.scores[n, k]:.4f}", int(poses.seen[n, k])]
                self._rows.writerow([*person, *row])

    def _add_frame(self, name: str, picture: Image) -> None:
        if self._video is None:
            path = self.folder / f"{name.rsplit('-', 1)[0]}.pose.mp4"
            self._video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), self.fps or 25.0, (picture.shape[1], picture.shape[0]))
            if not self._video.isOpened():
                raise InputError(f"cannot write {path}", "Name another folder with --out, or leave the video out with --no-overlays")
        self._video.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
