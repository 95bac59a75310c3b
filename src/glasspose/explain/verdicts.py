"""Verdicts that were reached on many people are kept in the card of the weights, and quoted beside the explanation of a single photograph."""

from pathlib import Path
from typing import Any

from glasspose.checkpoint import update_card
from glasspose.engines import is_exported
from glasspose.errors import UsageError
from glasspose.explain.explanation import Explanation

FEWEST = 50
"""A verdict on a model needs so many people."""


def keep_verdict(weights: str | Path, explanation: Explanation) -> None:
    """Write the verdict into the card. UsageError where it rests on too few people."""
    if is_exported(weights):
        raise UsageError("an exported file keeps no verdict", "Ask about the .safetensors file that it was exported from, with --keep")
    if explanation.provenance.n < FEWEST:
        raise UsageError(f"a verdict on {explanation.provenance.n} people is not kept", f"Ask again with --n {FEWEST} or more")
    update_card(weights, "explanations", {explanation.name: _summary(explanation)})


def kept_verdict(card: dict[str, Any], name: str) -> str:
    """One line on what the card says of a command."""
    kept = (card.get("explanations") or {}).get(name)
    if not isinstance(kept, dict) or "verdict" not in kept:
        return f"the card of {card.get('name')} keeps no verdict on `{name}`: run it on {FEWEST} people with --keep"
    return f"{kept['verdict']} on {kept.get('n')} people of {kept.get('data')}"


def _summary(explanation: Explanation) -> dict[str, Any]:
    made = explanation.to_json()
    return {
        "verdict": made["verdict"],
        "answer": made["answer"],
        "checks": {check["name"]: check["passed"] for check in made["checks"]},
        "n": explanation.provenance.n,
        "data": explanation.provenance.data,
        "data_sha256": explanation.provenance.data_sha256,
        "seed": explanation.provenance.seed,
    }
