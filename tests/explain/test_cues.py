import json

import numpy as np
import pytest
from masked_for_tests import SIDE, green, people

from glasspose.explain.cues import CUES, scene, variants, varied
from glasspose.explain.hand_wired import FIXED, SIDED, sided
from glasspose.explain.sample import draw_sample
from glasspose.geometry import inside, invert, transform


@pytest.fixture
def seen():
    return scene(sided(2, "background"), 0, 1, FIXED, 0)


@pytest.mark.parametrize("name", CUES)
def test_a_dose_of_0_is_the_picture_bit_for_bit(seen, name):
    made = varied(seen, name, 0.0)
    assert (made.pixels == seen.pixels).all()
    assert (made.back == np.eye(2, 3)).all()
    assert not made.mirrored


def test_every_dose_changes_the_picture_and_is_the_same_again(seen):
    made, again = list(variants(seen)), list(variants(seen))
    assert [(v.cue, v.dose) for v in made] == [(name, dose) for name, cue in CUES.items() for dose in cue.doses]
    assert len(made) <= 46
    for one, same in zip(made, again, strict=True):
        assert (one.pixels == same.pixels).all()
        assert (one.pixels != seen.pixels).any(), one.cue


def test_cues_are_changed_one_at_a_time(seen):
    core, far = seen.person[..., 0] == 1, seen.person[..., 0] == 0
    assert core.mean() > 0.2
    assert far.mean() > 0.3
    for name in ("background", "background blurred"):
        assert (varied(seen, name, 1.0).pixels[core] == seen.pixels[core]).all()
    assert (varied(seen, "background", 1.0).pixels[far] == seen.other[far]).all()
    for name in ("colour", "texture", "edges only"):
        made = varied(seen, name, CUES[name].doses[-1]).pixels
        assert (made[far] == seen.pixels[far]).all()
        assert (made[core] != seen.pixels[core]).any()
    grey = varied(seen, "colour", 1.0).pixels[core].astype(int)
    assert (grey.max(-1) == grey.min(-1)).all()


@pytest.mark.parametrize("dose", CUES["occlusion"].doses)
def test_occlusion_hides_as_much_as_it_says(seen, dose):
    person = seen.person[..., 0] > 0.5
    hidden = (varied(seen, "occlusion", dose).pixels != seen.pixels).any(-1)[person].mean()
    assert dose - 0.03 <= hidden <= dose + 0.2


@pytest.mark.parametrize("name", ["crop shift", "crop scale", "rotation", "flip"])
def test_what_is_moved_is_found_again_by_going_back(seen, name):
    """A white dot is painted; where it lies in the moved picture maps back to where it was."""
    seen.pixels[:] = 30
    seen.pixels[44:47, 50:53] = 255
    for dose in CUES[name].doses:
        made = varied(seen, name, dose)
        rows, columns = np.nonzero(made.pixels.mean(-1) > 140)
        assert transform(np.array([columns.mean(), rows.mean()]), made.back) == pytest.approx([51, 45], abs=0.7)
        assert inside(transform(np.array([51.0, 45.0]), invert(made.back)), seen.size)


@pytest.fixture
def masked(tmp_path):
    return draw_sample(people(tmp_path), SIDED, (SIDE, SIDE), 2, masks=True)


def test_with_a_mask_only_the_background_changes_bit_for_bit(masked):
    at = scene(masked, 0, 1, masked.keypoints[0], 0)
    person = green(at.pixels)
    assert 0.1 < person.mean() < 0.2
    assert (at.person[..., 0] == person).all()
    for name, dose in (("background", 0.5), ("background", 1.0), ("background blurred", 1.0)):
        made = varied(at, name, dose).pixels
        assert (made[person] == at.pixels[person]).all()
        assert (made[~person] != at.pixels[~person]).any(-1).mean() > 0.95
    assert (varied(at, "background", 1.0).pixels[~person] == at.other[~person]).all()


def test_with_a_mask_what_is_done_to_the_person_is_done_there_alone(masked):
    at = scene(masked, 0, 1, masked.keypoints[0], 0)
    person = green(at.pixels)
    for name in ("colour", "edges only"):
        made = varied(at, name, 1.0).pixels
        assert (made[~person] == at.pixels[~person]).all()
        assert (made[person] != at.pixels[person]).any(-1).mean() > 0.2
    for name, dose in (("texture", 4.0), ("occlusion", 0.35)):
        assert (varied(at, name, dose).pixels != at.pixels).any(), name
    assert (varied(at, "texture", 4.0).pixels[~person] == at.pixels[~person]).all()


@pytest.mark.parametrize("name", CUES)
def test_with_a_mask_a_dose_of_0_is_the_picture_bit_for_bit(masked, name):
    at = scene(masked, 0, 1, masked.keypoints[0], 0)
    assert (varied(at, name, 0.0).pixels == at.pixels).all()


def test_without_a_mask_the_person_is_the_hull_as_before(tmp_path):
    without = draw_sample(people(tmp_path), SIDED, (SIDE, SIDE), 2)
    mixed = draw_sample(people(tmp_path, (False, True)), SIDED, (SIDE, SIDE), 2, masks=True)
    assert without.masks == ()
    assert [mask is None for mask in mixed.masks] == [True, False]
    one, other = (scene(sample, 0, 1, sample.keypoints[0], 0).person for sample in (without, mixed))
    assert (one == other).all()
    assert ((one > 0) & (one < 1)).any()


def test_masks_are_part_of_what_the_data_are_known_by(masked, tmp_path):
    assert masked.sha256 != draw_sample(people(tmp_path), SIDED, (SIDE, SIDE), 2).sha256
    assert len(masked.part(1, 2).masks) == 1


def test_a_mask_that_the_crop_leaves_out_is_none(tmp_path):
    asked = people(tmp_path)
    path = tmp_path / "labels.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["segmentation"] = [[0, 0, 5, 0, 5, 5, 0, 5]]
    path.write_text(json.dumps(document))
    assert [mask is None for mask in draw_sample(asked, SIDED, (SIDE, SIDE), 2, masks=True).masks] == [True, False]
