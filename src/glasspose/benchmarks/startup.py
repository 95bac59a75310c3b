"""What starting costs, next to what importing torch costs. CPU time of fresh processes."""

import resource
import subprocess
import sys
from functools import partial

from glasspose.benchmarks.options import Options
from glasspose.benchmarks.rounds import Row, ratio, told_in_turns

WAYS = {
    "import torch": ["-c", "import torch"],
    "glasspose --help": ["-m", "glasspose", "--help"],
    "import torch, glasspose": ["-c", "import torch, glasspose"],
}


def startup(options: Options) -> list[Row]:
    """Help lists verbs without importing them, and `import glasspose` imports its parts on first use."""
    seconds = told_in_turns({name: partial(cpu_time, [sys.executable, *command]) for name, command in WAYS.items()}, options.turns(11))
    help_share = ratio(seconds, "glasspose --help", "import torch")
    added = ratio(seconds, "import torch, glasspose", "import torch")
    return [
        Row(name="startup", baseline="`glasspose --help`, in units of `import torch`", ratio=help_share, goal=0.25, at_most=True),
        Row(name="startup", baseline="`import torch, glasspose`, in units of `import torch`", ratio=added, goal=1.1, at_most=True),
    ]


def cpu_time(command: list[str]) -> float:
    """Of one process, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
