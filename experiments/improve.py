"""One proposal of `explain improve`, tried with a control and three seeds: docs/results/improve.json and the example in docs/explain/improve.md.

python experiments/improve.py --data $GLASSPOSE_DATA/lspet                 # goes on where it was: arms that have their JSON are left alone
python experiments/improve.py --data $GLASSPOSE_DATA/lspet --page         # the page again, from docs/results/improve.json

Arms, all fine-tuned from hourglass-tiny-lsp on the same 4,000 people of LSPET's training split, two epochs:
control: as they are; weighted: the first proposal of `explain improve` with weights; left out: without the 5 % most suspicious labels.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from glasspose.comparing.comparison import Comparison, comparison
from glasspose.comparing.subjects import Subject, read_subject
from glasspose.configs.data import Lspet
from glasspose.configs.reading import read_recipe
from glasspose.data import read
from glasspose.data.lists import Listed, people_json, read_people
from glasspose.explain.findings import read_findings
from glasspose.explain.sample import labels_of
from glasspose.explain.slices import everything, matching

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "docs/results/improve.json"
PAGE = ROOT / "docs/explain/improve.md"
BEGIN, END = "<!-- experiments/improve.py begins -->", "<!-- experiments/improve.py ends -->"
WEIGHTS = "hourglass-tiny-lsp"
ARMS = ("control", "weighted", "left-out")
SCORE = "pck@0.2"
SUSPECTED = 0.05
"""Of the first 5 % of 1,000 labels, two thirds were wrong when they were looked at (docs/explain/labels.md)."""


class Experiment:
    """Its folders, and how it calls the command line."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.data, self.folder, self.packs = asked.data, asked.runs / "improve", asked.packs
        self.people, self.epochs, self.seeds, self.n = asked.people, asked.epochs, asked.seeds, asked.n
        self.commands: list[str] = []

    def call(self, *words: str, done: Path | None = None) -> None:
        """Run a command, unless what it makes is there."""
        shown = " ".join(["glasspose", *words]).replace(str(self.data), "$GLASSPOSE_DATA/lspet").replace(str(self.folder), "runs/improve")
        self.commands.append(shown.replace(f" --packs {self.packs}", ""))
        if done is None or not done.exists():
            print("glasspose", *words, flush=True)
            subprocess.run([sys.executable, "-m", "glasspose", *words], cwd=ROOT, check=True)

    def on(self, split: str) -> list[str]:
        """The words that name the data."""
        return ["--data.kind", "lspet", "--data.root", str(self.data), "--data.split", split]

    @property
    def rest(self) -> Path:
        """A list of everybody but the chosen training people."""
        return self.folder / "rest.json"

    def choose(self) -> None:
        """So many training people, by a seed of their own."""
        everybody = read(Lspet(root=self.data, split="train")).annotations
        chosen = set(np.random.default_rng(0).permutation(len(everybody))[: self.people].tolist())
        gone = [Listed(image=p.image_id, person=p.person_id) for i, p in enumerate(everybody) if i not in chosen]
        self.rest.parent.mkdir(parents=True, exist_ok=True)
        self.rest.write_bytes(people_json(gone, of="lspet/train"))

    def find(self) -> None:
        """Ask for findings and proposals, and for suspected labels among the chosen people."""
        found = self.folder / "findings"
        self.call("explain", "errors", WEIGHTS, *self.on("val"), "--n", str(self.n), "--out", str(found), done=found / "errors.json")
        words = ["explain", "improve", WEIGHTS, *self.on("val"), "--n", str(self.n), "--from", str(found), "--out", str(found)]
        self.call(*words, done=found / "improve.json")
        labels = self.folder / "labels"
        words = ["explain", "labels", WEIGHTS, *self.on("train"), "--data.leave-out", str(self.rest), "--n", str(self.people), "--plant", "0"]
        self.call(*words, "--out", str(labels), done=labels / "labels.json")
        rows = [line.split(",")[1:3] for line in (labels / "labels-suspects.csv").read_text().splitlines()[1 : 1 + round(SUSPECTED * self.people)]]
        suspects = [Listed(image=int(image), person=int(person), reason="suspected") for image, person in rows]
        (self.folder / "left-out.json").write_bytes(people_json([*read_people(self.rest).values(), *suspects], of="lspet/train"))

    @property
    def proposal(self) -> dict[str, Any]:
        """The first proposal that gives weights."""
        made = json.loads((self.folder / "findings/improve.json").read_text())["numbers"]["proposals"]
        return next(one for one in made if any(name.startswith("weights") for name in one["files"]))

    def weights(self) -> Path:
        """Its list."""
        return self.folder / "findings" / f"improve-{next(name for name in self.proposal['files'] if name.endswith('.json'))}"

    def options(self, arm: str) -> list[str]:
        """What sets an arm apart."""
        gone = ["--data.leave-out", str(self.folder / "left-out.json" if arm == "left-out" else self.rest)]
        return [*gone, "--weights", str(self.weights())] if arm == "weighted" else gone

    def run(self, arm: str, seed: int) -> None:
        """Train and measure one arm with one seed."""
        out, result = self.folder / f"{arm}-seed{seed}", self.folder / f"{arm}-seed{seed}.json"
        begun = time.monotonic()
        words = [
            "train",
            str(self.folder / "findings/improve-recipe.yaml"),
            "--init",
            WEIGHTS,
            *self.options(arm),
            "--data.root",
            str(self.data),
            "--epochs",
            str(self.epochs),
        ]
        words += ["--batch", str(min(32, self.people)), "--seed", str(seed), "--out", str(out), "--packs", str(self.packs)]
        self.call(*words, *(["--resume"] if any(out.glob("*.ckpt")) else []), done=result)
        if not result.exists():
            (self.folder / f"{arm}-seed{seed}.seconds").write_text(str(round(time.monotonic() - begun)))
        self.call("evaluate", str(out / "best.safetensors"), *self.on("val"), "--keep", "--json", str(result), done=result)

    def subject(self, arm: str, seed: int, chosen: set[int] | None = None) -> Subject:
        """One run's answers, of everybody or of some pictures."""
        told = read_subject(str(self.folder / f"{arm}-seed{seed}.json"), None, lambda *_: {})
        kept = told.kept
        if chosen is not None:
            rows = np.flatnonzero(np.isin(kept.image_ids, list(chosen)))
            scores = {name: table.of(rows, table.columns) for name, table in kept.scores.items()}
            kept = replace(kept, image_ids=kept.image_ids[rows], person_ids=kept.person_ids[rows], scores=scores)
        return replace(told, kept=kept, recipe=read_recipe(self.folder / f"{arm}-seed{seed}" / "recipe.yaml"))

    def of_condition(self) -> set[int]:
        """The validation pictures of the people whom the proposal is for."""
        from glasspose.checkpoint import load_weights

        card = load_weights(WEIGHTS)[1]
        found = read_findings(self.folder / "findings", str(card["sha256"]))["errors"].numbers
        condition = next(one for one in found.slices if self.proposal["because"].startswith(f"{one.condition}: "))
        people = read(Lspet(root=self.data, split="val"))
        named = everything(labels_of(people.annotations, people.skeleton, (128, 128), people.name), found.size_cuts)
        return {people.annotations[i].image_id for i in np.flatnonzero(matching(named, condition.of))}

    def result(self) -> dict[str, Any]:
        """Everything that the page needs."""
        own = self.of_condition()
        parts = {"everybody": None, "the condition": own}
        seconds = [int(path.read_text()) for path in sorted(self.folder.glob("*.seconds"))]
        return {
            "format": "glasspose.improvement",
            "version": 1,
            "weights": WEIGHTS,
            "people": self.people,
            "epochs": self.epochs,
            "seeds": list(self.seeds),
            "suspected": round(SUSPECTED * self.people),
            "proposal": {key: self.proposal[key] for key in ("what", "because", "expected", "gain", "interval")},
            "before": json.loads((self.folder / "before.json").read_text())[SCORE],
            "compared": {
                name: cells(comparison([self.subject(arm, seed, chosen) for arm in ARMS for seed in self.seeds])) for name, chosen in parts.items()
            },
            "minutes": round(sum(seconds) / 60, 1),
            "hardware": "one CPU core of two, shared with other work",
            "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip(),
            "commands": self.commands,
        }


def cells(found: Comparison) -> dict[str, Any]:
    """The score of every arm, with its difference to the control."""
    rows = {arm: vars(row.cells[SCORE]) for arm, row in zip(ARMS, found.rows, strict=True)}
    return {"people": found.n, "seeds": found.rows[0].seeds, "arms": rows}


def section(made: dict[str, Any]) -> str:
    """The example, as the page tells it."""
    proposal = made["proposal"]
    lines = [
        f"The first proposal with weights for `{made['weights']}`, from the validation people of LSPET: **{proposal['what']}**, because of {proposal['because']}. "
        f"Expected: {proposal['expected']}.",
        "",
        f"Tried by `python experiments/improve.py --data $GLASSPOSE_DATA/lspet`: fine-tuned on {made['people']} training people, {made['epochs']} "
        f"epoch{'s' * (made['epochs'] > 1)}, seeds {', '.join(map(str, made['seeds']))} ({made['minutes']:g} minutes of training, {made['hardware']}). Before it, PCK@0.2 is {percent(made['before']['micro'])}.",
        "",
        "| PCK@0.2, % | " + " | ".join(f"{name} (n = {part['people']})" for name, part in made["compared"].items()) + " |",
        "|---|" + "---|" * len(made["compared"]),
    ]
    for arm in ARMS:
        lines.append(f"| {TOLD[arm].format(**made)} | " + " | ".join(cell(part["arms"][arm]) for part in made["compared"].values()) + " |")
    return "\n".join([*lines, "", " ".join(verdict(arm, made) for arm in ARMS[1:]), "", LIMITS])


TOLD = {
    "control": "control: the same people, nothing changed",
    "weighted": "weighted: the proposal",
    "left-out": "left out: without the {suspected} most suspicious labels",
}
LIMITS = (
    "Intervals resample seeds and pictures together; p holds over both arms (Holm). The best epoch was chosen by the same validation people in every arm, "
    "and the list of suspects comes from a network that had learnt from these labels: `train --folds` would make a better one."
)


def cell(found: dict[str, Any]) -> str:
    """One score, and its difference to the control in points."""
    low, high = found["interval"]
    told = f"{percent(found['value'])} ({percent(low)} to {percent(high)})"
    if found["difference"] is None or found["difference_interval"] is None:
        return told
    low, high = found["difference_interval"]
    return f"{told}; {100 * found['difference']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}), p = {found['p']:.3f}"


def verdict(arm: str, made: dict[str, Any]) -> str:
    """What can be said, whichever way it went."""
    what = "Weighting" if arm == "weighted" else "Leaving suspects out"
    found = {name: part["arms"][arm] for name, part in made["compared"].items()}
    said = []
    for name, one in found.items():
        low, high = one["difference_interval"]
        sure = one["p"] < 0.05 and (low > 0 or high < 0)
        word = "helped" if low > 0 else "hurt"
        points = f"{100 * one['difference']:+.1f} points"
        said.append(f"{word if sure else 'made no difference that can be told from chance'} ({points}) on {name}")
    return f"**{what}** {' and '.join(said)}."


def percent(share: float) -> str:
    """To one digit."""
    return f"{100 * share:.1f}"


def write_page(made: dict[str, Any]) -> None:
    """Exchange the section between the marks."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{section(made)}\n{END}{after}")


def main() -> None:
    """Everything that is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--people", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--n", type=int, default=500, help="validation people for the findings")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("--packs", type=Path, default=ROOT / "packs")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    parser.add_argument("--result", type=Path, default=RESULT)
    asked = parser.parse_args()
    if not asked.page:
        trial = Experiment(asked)
        trial.choose()
        trial.find()
        before = trial.folder / "before.json"
        trial.call("evaluate", WEIGHTS, *trial.on("val"), "--json", str(before), done=before)
        for seed in asked.seeds:
            for arm in ARMS:
                trial.run(arm, seed)
        asked.result.write_text(json.dumps(trial.result(), indent=1, default=list) + "\n")
    if asked.result == RESULT:
        write_page(json.loads(asked.result.read_text()))
    else:
        print(section(json.loads(asked.result.read_text())))


if __name__ == "__main__":
    main()
