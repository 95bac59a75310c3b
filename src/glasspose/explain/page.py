"""Explanations as one self-contained HTML file: no script, no request, every picture inside it."""

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np

from glasspose.explain.explanation import Explanation, Figure, Table, Verdict

LARGEST = 8_000_000
"""Bytes of a page; pictures shrink until it fits."""
WIDTHS = (1400, 1000, 700, 450)
"""Pixels that pictures shrink to, one after the other."""
MOST_ROWS = 60
_CLASS = {Verdict.FAITHFUL: "faithful", Verdict.LOCAL_ONLY: "local", Verdict.NOT_FAITHFUL: "unfaithful"}
STYLE = """
:root { color-scheme: light dark; --text: #1c1c1e; --back: #fff; --soft: #f2f2f4; --line: #c9c9ce; --link: #00588f; }
@media (prefers-color-scheme: dark) { :root { --text: #ececf0; --back: #17171a; --soft: #232327; --line: #4a4a52; --link: #7fc4f5; } }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem; font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.3rem; margin: 3rem 0 .5rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
a { color: var(--link); } .answer { font-size: 1.08rem; } .facts, figcaption, footer { font-size: .86rem; opacity: .85; }
.verdict { display: inline-block; padding: .1rem .6rem; border-radius: .3rem; font-weight: 700; font-size: .85rem; }
.faithful { background: #00624a; color: #fff; } .local { background: #ffd166; color: #1c1c1e; }
.unfaithful, .failed { background: #b3001b; color: #fff; }
.none { background: var(--soft); } .banner { display: block; padding: .6rem .9rem; margin: .6rem 0; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; background: #fff; border-radius: .3rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
td, th { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: left; }
td { font-variant-numeric: tabular-nums; } summary { cursor: pointer; } ul { padding-left: 1.2rem; } nav li { margin: .3rem 0; }
"""


def page(
    title: str, lead: str, explanations: Sequence[Explanation], missing: Sequence[tuple[str, str]] = (), failed: Sequence[tuple[str, str]] = ()
) -> str:
    """The whole file. `missing` are questions that do not apply, `failed` those that could not be answered, each with the reason."""
    unanswered = [*(_unanswered(*one, "DOES NOT APPLY", "none") for one in missing), *(_unanswered(*one, "FAILED", "failed") for one in failed)]
    for width in WIDTHS:
        sections = "".join(_section(explanation, width) for explanation in explanations)
        made = _framed(title, lead, explanations, sections, unanswered)
        if len(made.encode()) < LARGEST:
            break
    return made


def _framed(title: str, lead: str, explanations: Sequence[Explanation], sections: str, unanswered: Sequence[str]) -> str:
    entries = "".join(f'<li><a href="#{e.name}">{escape(e.question)}</a> {_chip(e.verdict)}</li>' for e in explanations)
    entries += "".join(unanswered)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1><p>{escape(lead)}</p>"
        f"<nav><ul>{entries}</ul></nav><main>{sections}</main>{_footer(explanations)}</body></html>\n"
    )


def _unanswered(name: str, reason: str, word: str, style: str) -> str:
    return f'<li>{escape(name)} <span class="verdict {style}">{word}</span> {escape(reason)}</li>'


def _section(explanation: Explanation, width: int) -> str:
    reasons = f": {_prose('; '.join(explanation.reasons))}" if explanation.reasons else ""
    checks = "".join(f"<li>{_marked(check.line(), check.passed)}</li>" for check in explanation.checks)
    limits = "".join(f"<li>{_prose(limit)}</li>" for limit in explanation.limits)
    tables = "".join(_table(table, shown=place == 0 and not explanation.figures) for place, table in enumerate(explanation.tables))
    return (
        f'<section><h2 id="{explanation.name}">{escape(explanation.question)}</h2><p class="answer">{_prose(explanation.answer)}</p>'
        f'<p class="verdict banner {_CLASS[explanation.verdict]}">{explanation.verdict}{reasons}</p>'
        f"{''.join(_figure(figure, width) for figure in explanation.figures)}{tables}"
        f"<details><summary>Its own test, {len(explanation.checks)} checks</summary><ul>{checks}</ul></details>"
        f"<h3>What this does not show</h3><ul>{limits}</ul>{_facts(explanation)}</section>"
    )


def _prose(text: str) -> str:
    """What stands between backticks is code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _chip(verdict: Verdict) -> str:
    return f'<span class="verdict {_CLASS[verdict]}">{verdict}</span>'


def _marked(line: str, passed: bool | None) -> str:
    return f'<span class="failed">{_prose(line)}</span>' if passed is False else _prose(line)


def _figure(figure: Figure, width: int) -> str:
    kind, content = _embedded(figure.png, width)
    source = f"data:image/{kind};base64,{b64encode(content).decode()}"
    return f'<figure><img alt="{escape(figure.caption)}" src="{source}"><figcaption>{_prose(figure.caption)}</figcaption></figure>'


def _embedded(png: bytes, width: int) -> tuple[str, bytes]:
    """The picture no wider than that, in the smaller of two forms."""
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        return "png", png
    if pixels.shape[1] > width:
        height = max(round(pixels.shape[0] * width / pixels.shape[1]), 1)
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        png = cv2.imencode(".png", pixels)[1].tobytes()
    jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return ("jpeg", jpeg) if 2 * len(jpeg) < len(png) else ("png", png)


def _table(table: Table, *, shown: bool) -> str:
    """Folded away unless it is what there is to see."""
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in list(table.rows)[:MOST_ROWS])
    more = f"<p>{len(table.rows) - MOST_ROWS} more rows are in the CSV file.</p>" if len(table.rows) > MOST_ROWS else ""
    summary = f"<summary>{_prose(table.caption)} ({len(table.rows)} rows)</summary>"
    return f'<details{" open" * shown}>{summary}<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>{more}</details>'


def _cell(cell: str | float | int | None) -> str:
    return "-" if cell is None else escape(f"{cell:.4g}" if isinstance(cell, float) else str(cell))


def _facts(explanation: Explanation) -> str:
    p = explanation.provenance
    asked = "; ".join(f"{key}: {value}" for key, value in p.asked.items())
    facts = f"n = {p.n}; seed {p.seed}; model {p.model} (sha256 {p.model_sha256}); data {p.data} (sha256 {p.data_sha256}); {asked}"
    return f'<p class="facts">{escape(facts)}</p>'


def _footer(explanations: Sequence[Explanation]) -> str:
    if not explanations:
        return ""
    versions = ", ".join(f"{name} {number}" for name, number in explanations[0].provenance.versions.items())
    return f"<footer><p>Made by {escape(versions)}. Intervals are 95 %, over pictures.</p></footer>"
