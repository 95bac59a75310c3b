import json

import numpy as np
import PIL.Image
import pytest
import torch
from safetensors.torch import load_file, save_file

from glasspose.errors import InputError, MissingError, WeightsError
from glasspose.people import open_detector
from glasspose.people.boxes import sift

transformers = pytest.importorskip("transformers")
IMAGE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def tiny(names):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "num_detection_tokens": 40}
    network = transformers.YolosForObjectDetection(
        transformers.YolosConfig(image_size=[64, 64], patch_size=16, id2label=names, label2id={v: k for k, v in names.items()}, **sizes)
    ).eval()
    with torch.no_grad():  # wider than a fresh network's, whose boxes would all be one
        network.vit.embeddings.detection_tokens.normal_()
        for head in (network.class_labels_classifier, network.bbox_predictor):
            for layer in head.layers:
                layer.weight.normal_(0, 0.4)
        network.class_labels_classifier.layers[-1].bias[-1] = -4.0
    return network


@pytest.fixture(scope="module")
def network():
    return tiny({0: "dog", 1: "person"})


@pytest.fixture
def folder(network, tmp_path):
    network.save_pretrained(tmp_path)
    transformers.YolosImageProcessor(size={"height": 64, "width": 64}).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize("rows", [90, 3])
def test_a_folder_gives_the_people_of_the_network_itself(network, folder, rows):
    """Three rows are not taken for three channels."""
    image = IMAGE[:rows]
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    with torch.inference_mode():
        raw = network(**processor(images=PIL.Image.fromarray(image), return_tensors="pt"))
    answer = processor.post_process_object_detection(raw, threshold=0.3, target_sizes=[(rows, 120)])[0]
    people = answer["labels"] == 1
    expected = sift(answer["boxes"][people].numpy(), answer["scores"][people].numpy(), size=(rows, 120), threshold=0.3)
    found = open_detector(f"transformers:{folder}", threshold=0.3)(image)
    assert 3 < len(expected) < len(answer["boxes"])
    assert np.allclose(found.boxes, expected.boxes, atol=1e-3)
    assert np.allclose(found.scores, expected.scores, atol=1e-5)


def test_a_single_class_is_meant_whatever_its_name(folder):
    tiny({0: "LABEL_0"}).save_pretrained(folder)
    assert len(open_detector(f"transformers:{folder}", threshold=0.0)(IMAGE)) > 0


def test_half_precision_weights_run_on_a_cpu(folder):
    tiny({0: "dog", 1: "person"}).half().save_pretrained(folder)
    assert len(open_detector(f"transformers:{folder}")(IMAGE)) > 0


def test_a_network_without_people_is_refused(folder):
    tiny({0: "dog", 1: "cat"}).save_pretrained(folder)
    with pytest.raises(WeightsError, match="names no class `person`"):
        open_detector(f"transformers:{folder}")


def drop_a_weight(folder):
    state = load_file(folder / "model.safetensors")
    state.pop("bbox_predictor.layers.0.bias")
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def only_a_pickle(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def code_of_its_own(folder):
    config = json.loads((folder / "config.json").read_text())
    changes = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModelForObjectDetection": "mine.Model"}}
    (folder / "config.json").write_text(json.dumps(config | changes))
    (folder / "mine.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (drop_a_weight, r"lacks 1 weights of its network, bbox_predictor\.layers\.0\.bias first"),
        (only_a_pickle, "holds no detector"),
        (code_of_its_own, "holds no detector"),
        (lambda folder: (folder / "config.json").write_text("{"), "holds no detector"),
        (lambda folder: (folder / "config.json").unlink(), "holds no detector"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"junk"), "holds no detector"),
        (lambda folder: (folder / "preprocessor_config.json").write_text("[]"), "holds no detector"),
    ],
)
def test_a_spoilt_folder_is_refused_in_one_line(folder, spoil, says):
    spoil(folder)
    with pytest.raises(WeightsError, match=says) as refused:
        open_detector(f"transformers:{folder}")
    assert "\n" not in str(refused.value)
    assert not (folder / "ran").exists()


def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        open_detector(f"transformers:{tmp_path / 'nowhere'}")


def test_without_network_a_repository_is_missing(monkeypatch):
    def fail(name, **options):
        assert options["trust_remote_code"] is False
        raise OSError("We couldn't connect to 'https://huggingface.co'\nand more")

    monkeypatch.setattr(transformers.AutoImageProcessor, "from_pretrained", fail)
    with pytest.raises(MissingError, match=r"cannot be had from the hub: OSError.*Name a folder that holds config\.json") as refused:
        open_detector("transformers:someone/something", download=True)
    assert "\n" not in str(refused.value)
