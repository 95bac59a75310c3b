import json
import re
from pathlib import Path

from glasspose.people import read_boxes
from glasspose.people.sidecar import Boxes, Input, Part, Sidecar, read_sidecar

PAGE = (Path(__file__).parents[1] / "docs" / "people.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)


def test_every_example_of_the_page_is_read(tmp_path):
    kinds = []
    for i, example in enumerate(EXAMPLES):
        path = tmp_path / f"{i}.json"
        path.write_text(example)
        content = json.loads(example)
        kind = content["format"] if isinstance(content, dict) else "results"
        kinds.append(kind)
        read_sidecar(path) if kind == "glasspose.detector" else read_boxes(path)
    assert kinds == ["glasspose.detector", "glasspose.detector", "glasspose.boxes", "results"]


def test_the_page_explains_every_field_of_a_sidecar():
    fields = {f"input.{name}" for name in Input.model_fields} | {f"boxes.{name}" for name in Boxes.model_fields if name not in Part.model_fields}
    fields |= set(Part.model_fields) | set(Sidecar.model_fields) - {"format", "version", "input"}
    assert [name for name in sorted(fields) if f"`{name}`" not in PAGE] == []
