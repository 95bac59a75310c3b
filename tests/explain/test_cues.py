import numpy as np
import pytest

from glasspose.explain.cues import CUES, scene, variants, varied
from glasspose.explain.hand_wired import FIXED, sided
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
