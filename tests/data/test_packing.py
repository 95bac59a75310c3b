import json
from dataclasses import replace

import numpy as np
import pytest

from glasspose.configs.data import DrawnPeople
from glasspose.configs.training import Packing
from glasspose.data import as_skeleton, packing, read
from glasspose.errors import AnnotationError, InputError
from glasspose.geometry import transform
from glasspose.images import load_image
from glasspose.skeletons import COCO, FLIC

SIZE = Packing(size=64, context=1.5)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return read(DrawnPeople(count=10, folder=tmp_path_factory.mktemp("drawn")))


def test_crops_hold_what_the_matrices_say(drawn, tmp_path):
    packed = packing.pack(drawn, tmp_path / "p", SIZE)
    assert packed.crops.shape == (10, 96, 96, 3)
    person = drawn.annotations[3]
    x, y = np.mean([person.keypoints[8], person.keypoints[9]], axis=0)
    u, v = transform(np.array([x, y]), packed.image_to_crop[3])
    scale = packed.image_to_crop[3][0, 0]
    if scale > 0.8:  # a crop that shrinks is smoothed
        assert np.abs(packed.crops[3][round(v), round(u)].astype(int) - load_image(person.image)[round(y), round(x)]).max() < 90
    assert packed.image_sizes[3].tolist() == [160, 160]


def test_the_labelled_box_fills_four_fifths_of_the_evaluation_square(drawn, tmp_path):
    packed = packing.pack(drawn, tmp_path / "p", SIZE)
    corners = packed.boxes.reshape(-1, 2, 2) - 0.5
    spans = np.stack([np.ptp(transform(c, m), axis=0) for c, m in zip(corners, packed.image_to_crop, strict=True)])
    assert spans.max(1) == pytest.approx(64 / 1.25, abs=1e-6)


def test_packing_goes_on_where_it_was_broken_off(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "CHUNK", 4)
    whole = packing.pack(drawn, tmp_path / "whole", SIZE)

    class StoppedError(Exception):
        pass

    def stop(done, total):
        if done == 8:
            raise StoppedError

    with pytest.raises(StoppedError):
        packing.pack(drawn, tmp_path / "broken", SIZE, stop)
    with (tmp_path / "broken/crops.u8").open("ab") as file:
        file.write(b"a half-written crop")
    seen = []
    again = packing.pack(drawn, tmp_path / "broken", SIZE, lambda done, total: seen.append(done))
    assert seen == [10]
    assert np.array_equal(again.crops, whole.crops)
    assert np.array_equal(again.image_to_crop, whole.image_to_crop)
    assert not (tmp_path / "broken/progress.json").exists()


def test_a_finished_pack_is_opened_and_one_of_other_data_is_refused(drawn, tmp_path):
    packing.pack(drawn, tmp_path / "p", SIZE)
    before = (tmp_path / "p/crops.u8").stat().st_mtime_ns
    packing.pack(drawn, tmp_path / "p", SIZE)
    assert (tmp_path / "p/crops.u8").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="other data"):
        packing.pack(replace(drawn, annotations=drawn.annotations[:5]), tmp_path / "p", SIZE)


def damaged(path, how):
    if how == "crops flipped":
        content = bytearray((path / "crops.u8").read_bytes())
        content[1000] ^= 1
        (path / "crops.u8").write_bytes(content)
    elif how == "crops short":
        (path / "crops.u8").write_bytes((path / "crops.u8").read_bytes()[:-1])
    elif how == "arrays flipped":
        content = bytearray((path / "people.safetensors").read_bytes())
        content[-5] ^= 1
        (path / "people.safetensors").write_bytes(content)
    elif how == "no manifest":
        (path / "pack.json").unlink()
    else:
        (path / "pack.json").write_text(json.dumps({"plan": {}}))


@pytest.mark.parametrize("how", ["crops flipped", "crops short", "arrays flipped", "no manifest", "empty manifest"])
def test_damage_is_found(drawn, tmp_path, how):
    packing.pack(drawn, tmp_path / "p", SIZE)
    packing.open_pack(tmp_path / "p", verify=True)
    damaged(tmp_path / "p", how)
    with pytest.raises(InputError):
        packing.open_pack(tmp_path / "p", verify=True)


def test_keypoints_of_another_skeleton_are_taken_over_by_name(drawn):
    mapped = as_skeleton(drawn, COCO)
    one, other = drawn.annotations[0], mapped.annotations[0]
    assert np.array_equal(other.keypoints[COCO.index("left_knee")], one.keypoints[drawn.skeleton.index("left_knee")])
    assert not other.labelled[COCO.index("nose")]
    assert other.labelled.sum() == one.labelled[:12].sum()


def test_skeletons_without_a_common_name_are_refused(drawn):
    with pytest.raises(AnnotationError, match="shares no keypoint name"):
        as_skeleton(drawn, replace(FLIC, keypoints=tuple(f"part{i}" for i in range(11))))
