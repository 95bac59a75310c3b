"""`glasspose demo`."""

from pathlib import Path


def demo(*, out: Path = Path("glasspose-out/demo")) -> int:
    """Run `predict` on the portrait of Grace Hopper that ships inside matplotlib.

    Example: glasspose demo --out glasspose-out/demo
    """
    import matplotlib.cbook
    from rich.console import Console
    from rich.table import Table

    from glasspose.commands.prediction import predict

    photo = Path(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    poses, code = predict_one(photo, out)
    return code
