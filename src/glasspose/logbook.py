"""What a run writes down: `log.csv` (one row an epoch, a function of the run alone), TensorBoard curves, and the progress bar."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from glasspose.files import write_atomically

Row = dict[str, float]


class Logbook:
    """Silent on every process but the first."""

    def __init__(self, folder: Path, *, active: bool, start: int, epochs: int, steps: int) -> None:
        self.folder, self.active, self.epochs = folder, active, epochs
        self._console = Console(stderr=True, quiet=not active, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not active,
        )
        self._task: TaskID = self._progress.add_task("training", total=epochs * steps, completed=start, numbers="")
        self._writer: Any = None

    def __enter__(self) -> Self:
        if self.active:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.folder / "tensorboard"))
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()
        if self._writer is not None:
            self._writer.close()

    def step(self, epoch: int, loss: float, rate: float) -> None:
        """One step of the optimiser is done."""
        self._progress.update(self._task, advance=1, description=f"epoch {epoch + 1}/{self.epochs}", numbers=f"loss {loss:.3g} lr {rate:.2g}")

    def epoch(self, history: Sequence[Row]) -> None:
        """One epoch is done: write all rows anew, so that the file never depends on how often the run was broken off."""
        if not self.active:
            return
        write_rows(self.folder / "log.csv", history)
        for key, value in history[-1].items():
            self._writer.add_scalar(key, value, int(history[-1]["epoch"]))
        self._writer.flush()
        row = history[-1]
        self._console.print(
            f"epoch {int(row['epoch'])}/{self.epochs}  train loss {row['train/loss']:.3g} ({row['train/zero_loss']:.3g} is an empty answer), "
            f"PCK@0.2 {row['train/pck']:.3f}"
            f"  validation loss {row['validation/loss']:.3g}, PCK@0.2 {row['validation/pck']:.3f}"
        )

    def say(self, text: str, style: str = "") -> None:
        """A line above the progress bar."""
        self._console.print(text, style=style, markup=False, highlight=False)


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Rows with the same columns as CSV; the numbers come back as they were."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())
