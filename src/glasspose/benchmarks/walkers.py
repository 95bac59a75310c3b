"""One walk over a folder in a process of its own: `python -m glasspose.benchmarks.walkers ours|plain FOLDER OUT`. Prints what it cost as JSON."""

import json
import resource
import sys
import time
from pathlib import Path

from glasspose.allocation import keep_freed_memory

WEIGHTS = "hourglass-tiny-lsp"


def plain(folder: Path, out: Path) -> None:
    """Decode, crop, network, decode maps, write; one after the other."""
    import cv2
    import numpy as np

    from glasspose.benchmarks.one_by_one import OneByOne
    from glasspose.calibration import calibration_from_card
    from glasspose.checkpoint import load_weights
    from glasspose.drawing import draw_poses

    network, card = load_weights(WEIGHTS)
    predictor = OneByOne(network, calibration_from_card(card, len(network.skeleton)), device="cpu")
    out.mkdir(parents=True)
    for path in sorted(folder.iterdir()):
        image = np.asarray(cv2.imread(str(path)))[..., ::-1].copy()
        poses = predictor.predict(image)
        (out / f"{path.stem}.pose.json").write_text(json.dumps(poses.to_json(path.name), indent=1) + "\n")
        cv2.imwrite(str(out / f"{path.stem}.pose.jpg"), cv2.cvtColor(draw_poses(image, poses), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])


def ours(folder: Path, out: Path) -> None:
    """`glasspose predict FOLDER`."""
    from glasspose.benchmarks.whole_folder import predict_folder
    from glasspose.prediction import load

    predict_folder(load(WEIGHTS, device="cpu", pictures=len(list(folder.iterdir()))), folder, out)


def main() -> None:
    """What is timed begins after the imports that both need."""
    how, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if how == "ours":
        keep_freed_memory()  # as the command line does
    import glasspose.benchmarks.one_by_one
    import glasspose.benchmarks.whole_folder  # noqa: F401

    wall, cpu = time.perf_counter(), time.process_time()
    {"ours": ours, "plain": plain}[how](folder, out)
    cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    sys.stdout.write(json.dumps(cost | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}) + "\n")


if __name__ == "__main__":
    main()
