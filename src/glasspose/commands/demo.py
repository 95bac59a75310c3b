"""`glasspose demo`."""

import json
from pathlib import Path


def demo(*, out: Path = Path("glasspose-out/demo")) -> int:
    """Run `predict` on the portrait of Grace Hopper that ships inside matplotlib, and print what it finds.

    Example: glasspose demo --out glasspose-out/demo
    """
    import matplotlib.cbook
    from rich.console import Console
    from rich.table import Table

    from glasspose.commands.prediction import predict

    photo = Path(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    code = predict(str(photo), out=out, heatmaps=True)
    if code:
        return code
    console = Console(markup=False)
    people = json.loads((out / f"{photo.stem}.pose.json").read_text())["people"]
    for person in people:
        table = Table("keypoint", "x", "y", "score", "in the picture", title=f"{photo.name}, pixels from the top left")
        for name, point in person["keypoints"].items():
            table.add_row(name, f"{point['x']:.0f}", f"{point['y']:.0f}", f"{point['score']:.2f}", "yes" if point["seen"] else "no")
        console.print(table)
    if not people:
        console.print("No person found.")
    for what, ending in (("Overlay", "pose.jpg"), ("Keypoints", "pose.json"), ("Heatmaps", "heatmaps.jpg")):
        console.print(f"{what:9} {out / f'{photo.stem}.{ending}'}", highlight=False, soft_wrap=True)
    return 0
