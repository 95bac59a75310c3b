"""`glasspose data check | stats | show | split | pack`."""

import json as json_format
from pathlib import Path

from glasspose.configs.data import Data
from glasspose.configs.training import PACKS, Packing


def check(*, data: Data, json: Path | None = None) -> int:
    """Look for damage in annotations and pictures; every picture is decoded once.

    Example: glasspose data check --data.kind drawn_people --data.count 20

    Parameters
    ----------
    json
        Write all findings to this file.
    """
    from rich.console import Console
    from rich.table import Table

    from glasspose.data.checking import check
    from glasspose.files import write_atomically

    report = check(data)
    console = Console()
    if report.findings:
        table = Table("rule", "found", "first of them", "what it means")
        for finding in report.findings:
            table.add_row(finding.rule, str(finding.count), ", ".join(str(i) for i in finding.examples[:5]), finding.meaning)
        console.print(table)
    console.print(report.summary)
    if json is not None:
        write_atomically(json, (json_format.dumps(report.to_json(), indent=1) + "\n").encode())
    return 5 if report.errors else 0
