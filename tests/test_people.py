import sys

import pytest

from glasspose.errors import MissingError, UsageError
from glasspose.people import open_detector


@pytest.mark.parametrize("name", ["", "yolo", "torchvision:", "transformers:", "torchvision", "detectron:x", "model.pt"])
def test_a_name_of_no_known_form_is_refused_with_the_forms(name):
    with pytest.raises(UsageError, match=r"names no detector.*torchvision:BUILDER@FILE.*FILE\.onnx"):
        open_detector(name)


@pytest.mark.parametrize(("name", "package"), [("torchvision:x", "torchvision"), ("transformers:x/y", "transformers"), ("tiny.onnx", "onnxruntime")])
def test_a_package_that_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch, name, package):
    sidecar = (
        '{"format": "glasspose.detector", "version": 1, "input": {"name": "i", "size": [8, 8]}, "boxes": {"output": "b"}, "scores": {"output": "s"}}'
    )
    (tmp_path / "tiny.json").write_text(sidecar)
    monkeypatch.chdir(tmp_path)
    for module in [key for key in sys.modules if key.partition(".")[0] == package] + [package]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingError, match=rf"needs {package}.*glasspose\[people\]"):
        open_detector(name)


def test_a_torchvision_of_another_build_is_said(monkeypatch):
    def broken(name):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("glasspose.people.packages.import_module", broken)
    with pytest.raises(MissingError, match=r"does not fit the installed torch.*from one place"):
        open_detector("torchvision:x")


@pytest.mark.parametrize(("device", "error"), [("tpu3", UsageError), ("cuda:99", MissingError)])
@pytest.mark.parametrize("name", ["torchvision:ssdlite320_mobilenet_v3_large", "transformers:x/y"])
def test_a_device_that_is_not_here_is_said_before_anything_is_loaded(name, device, error):
    with pytest.raises(error, match=device):
        open_detector(name, device)
