"""`glasspose explain selftest`."""

from pathlib import Path


def selftest(*, seed: int = 0, out: Path = Path("glasspose-out/explain")) -> int:
    """Ask every method of explanation about networks whose reasons are known, and see that bad methods fail. Exit code 4 where either goes wrong.

    Example: glasspose explain selftest

    Parameters
    ----------
    out
        Folder for the numbers (JSON) and the table (CSV).

    """
    from glasspose.commands.explain.presenting import present
    from glasspose.commands.progress import progress_bar
    from glasspose.configs.explaining import Asking
    from glasspose.explain import selftest

    with progress_bar("methods") as progress:
        explanation = selftest(seed=seed, progress=progress)
    return present(explanation, "", Asking(out=out, seed=seed, strict=True))
