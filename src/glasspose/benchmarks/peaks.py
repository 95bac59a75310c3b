"""Peak memory of the verbs, each in a process of its own, next to that of a process which only imports torch."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from glasspose.benchmarks.folder import folder_of
from glasspose.benchmarks.fresh import told_by
from glasspose.benchmarks.options import Options
from glasspose.benchmarks.rounds import Ratio, Row
from glasspose.benchmarks.scaling import small_weights
from glasspose.benchmarks.trainers import recipe

ASKED = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=2)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""


def memory(options: Options) -> list[Row]:
    """Of training, packing, predicting and explaining; the ratio is to `import torch`."""
    photographs, people = options.some(200, 3), options.some(1000, 32)
    with TemporaryDirectory() as named:
        folder = Path(named)
        pictures, small = str(folder_of(photographs, folder / "pictures", folder)), str(small_weights(folder))
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe(folder).model_dump(mode="json", exclude_none=True) | {"epochs": 1}))
        drawn = ["--data.kind", "drawn_people", "--data.count", str(people), "--data.folder", str(folder / "drawn")]
        verbs = {
            f"data pack, {people} people at 256 pixels": ["data", "pack", *drawn, "--packs", str(folder / "packs")],
            "train, 2 stacks of 64 channels at 128 pixels, batch 32": ["train", str(folder / "recipe.yaml"), "--out", str(folder / "run")],
            f"predict, {photographs} photographs, batch 16": ["predict", pictures, "--out", str(folder / "found")],
            f"explain latent, {people} people, a small network": [
                "explain",
                "latent",
                small,
                *drawn,
                "--n",
                str(people),
                "--out",
                str(folder / "latent"),
            ],
        }
        torch = peak([sys.executable, "-c", "import torch"])
        return [_row(name, peak([sys.executable, "-m", "glasspose", *verb]), torch) for name, verb in verbs.items()]


def _row(name: str, mib: float, torch: float) -> Row:
    share = float(f"{mib / torch:.3g}")
    more = {"peak MiB": round(mib), "peak MiB of import torch": round(torch)}
    return Row(
        name="memory", baseline=f"{name}; in units of `import torch`", ratio=Ratio(median=share, quartiles=(share, share), rounds=1), more=more
    )


def peak(command: list[str]) -> float:
    """Largest resident size of one process, in MiB."""
    return int(told_by([sys.executable, "-c", ASKED, *command]).split()[-1]) / 1024
