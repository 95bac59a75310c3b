"""Augmentation of levels, step by step, and the sets of the report."""

import numpy as np
import pytest

from glasspose.configs.augmentation import PRESETS, Augmentation
from glasspose.data import colours
from glasspose.data.colours import recoloured
from glasspose.data.transforms import Person, augmented_view
from glasspose.skeletons import LSP

OFF = {"flip": 0, "rotation": 0, "scale": 0, "translation": 0, "wide": 0, "close": 0, "cut": 0, "colour": 0, "grey": 0, "blur": 0, "occlusion": 0}
PICTURE = np.random.default_rng(0).integers(60, 190, (48, 48, 3), dtype=np.uint8)


def rng(seed=0):
    return np.random.default_rng(seed)


def changed(step, seed=0, **options):
    return step(PICTURE, Augmentation(**OFF, **options), rng(seed)).astype(int)


def test_brightness_moves_levels_and_contrast_stretches_them():
    seen = set()
    for seed in range(20):
        answer = changed(colours.brightness_or_contrast, seed, brightness=20, contrast=0.25)
        shift = answer - PICTURE
        if np.ptp(shift) <= 1:
            seen.add("brightness")
            assert abs(shift.mean()) <= 20.5
        else:
            seen.add("contrast")
            gain = np.polyfit(PICTURE.ravel() - 128.0, answer.ravel() - 128.0, 1)
            assert 0.74 <= gain[0] <= 1.26
            assert gain[1] == pytest.approx(0, abs=0.6)
    assert seen == {"brightness", "contrast"}


def test_hue_turns_without_changing_the_brightest_channel():
    for seed in range(5):
        answer = changed(colours.hue_and_saturation, seed, hue=30)
        assert np.abs(answer.max(-1) - PICTURE.max(-1)).max() <= 1
        assert np.abs(answer - PICTURE).max() > 3
    grey = np.full((4, 4, 3), 90, np.uint8)
    assert np.array_equal(colours.hue_and_saturation(grey, Augmentation(hue=100), rng()), grey)


def test_dropout_and_noise_stay_within_their_shares():
    black, grain = [], []
    for seed in range(40):
        answer = changed(colours.dropout_or_noise, seed, dropout=0.1, noise=0.05)
        gone = (answer == 0).all(-1)
        if np.array_equal(answer[~gone], PICTURE[~gone]):
            black.append(gone.mean())
        else:
            grain.append((answer - PICTURE).std())
    assert black
    assert grain
    assert 0.03 < max(black) < 0.14
    assert 4 < max(grain) <= 0.055 * 255


def test_sharpening_raises_edges_and_keeps_flat_parts():
    step = np.full((20, 20, 3), 100, np.uint8)
    step[:, 10:] = 140
    answer = colours.sharpened(step, Augmentation(sharpen=1.0), rng(1)).astype(int)
    assert answer[10, 9, 0] < 100 < 140 < answer[10, 10, 0]
    assert np.array_equal(answer[:, [2, 17]], step[:, [2, 17]])


def test_at_most_so_many_steps_and_sometimes_none(monkeypatch):
    done = []
    steps = {(lambda image, options, rng, n=n: done.append(n) or image): ("hue",) for n in range(4)}
    monkeypatch.setattr(colours, "STEPS", steps)
    counts = set()
    for seed in range(60):
        done.clear()
        recoloured(PICTURE, Augmentation(**OFF, hue=1, colour_steps=3), rng(seed))
        counts.add(len(done))
        assert len(set(done)) == len(done)
    assert counts == {0, 1, 2, 3}


def test_what_has_no_strength_is_no_step():
    for seed in range(20):
        assert np.array_equal(recoloured(PICTURE, Augmentation(**OFF, colour_steps=4), rng(seed)), PICTURE)


@pytest.mark.parametrize(
    ("name", "steps", "levels", "sharp", "grain", "frame", "blur"),
    [
        ("light", 2, (15, 20, 0.10), (0.0, 0.0), (0.03, 0.01), (0.15, 15), 1.0),
        ("medium", 3, (20, 25, 0.15), (0.5, 0.15), (0.05, 0.03), (0.20, 25), 1.5),
        ("heavy", 3, (30, 30, 0.25), (1.0, 0.2), (0.10, 0.05), (0.25, 30), 2.0),
    ],
)
def test_the_sets_have_the_numbers_of_the_report(name, steps, levels, sharp, grain, frame, blur):
    """Blur is given there for 256 pixels, ours for 128. Views are mirrored with 0.5; padded or turned, not both."""
    found = Augmentation(preset=name)
    assert found.colour_steps == steps
    assert (found.hue, found.brightness, found.contrast) == levels
    assert (found.sharpen, found.sharpen_light) == sharp
    assert (found.dropout, found.noise) == grain
    assert (found.pad, found.rotation, found.rotate_or_pad) == (*frame, True)
    assert (found.blur, found.blur_sigma, found.flip) == (0.3, (0, blur / 2), 0.5)
    assert (found.occlusion, found.cut, found.wide, found.close, found.scale, found.translation, found.colour, found.grey) == (0,) * 8


def test_values_beside_a_preset_win_over_it():
    assert Augmentation(preset="light", rotation=40).rotation == 40
    assert Augmentation(**Augmentation(preset="heavy", noise=0.2).model_dump()) == Augmentation(preset="heavy", noise=0.2)
    assert Augmentation().hue == 0


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_changes_views_and_repeats_itself(name):
    crop = np.random.default_rng(1).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    square = np.array([16.0, 16, 80, 80])
    someone = Person(crop=crop, keypoints=np.full((14, 2), 40.0), labelled=np.ones(14, bool), square=square, picture=np.array([0.0, 0, 96, 96]))
    options = Augmentation(preset=name)
    views = [augmented_view(someone, LSP, (64, 64), options, rng(seed)) for seed in (3, 3, 4)]
    assert np.array_equal(views[0].image, views[1].image)
    assert not np.array_equal(views[0].image, views[2].image)


def test_half_of_the_views_are_neither_padded_nor_turned():
    crop = np.zeros((96, 96, 3), np.uint8)
    someone = Person(crop=crop, keypoints=np.zeros((14, 2)), labelled=np.ones(14, bool), square=np.array([16.0, 16, 80, 80]), picture=np.zeros(4))
    matrices = [augmented_view(someone, LSP, (64, 64), Augmentation(preset="heavy", flip=0), rng(seed)).matrix for seed in range(300)]
    turned = np.array([abs(m[0, 1]) > 1e-9 for m in matrices])
    padded = np.array([abs(m[0, 0] - 1) > 1e-9 for m in matrices]) & ~turned
    assert np.mean(~turned & ~padded) == pytest.approx(0.5, abs=0.1)
    assert turned.mean() == pytest.approx(0.25, abs=0.1)
    assert max(abs(np.rad2deg(np.arctan2(m[1, 0], m[0, 0]))) for m in matrices) <= 30
    assert max(max(abs(1 / m[0, 0] - 1), abs(1 / m[1, 1] - 1)) for m, pad in zip(matrices, padded, strict=True) if pad) <= 0.5


def test_a_recipe_names_a_preset_on_the_command_line(tmp_path):
    from glasspose.__main__ import _app
    from glasspose.configs.reading import recipe_defaults

    (tmp_path / "r.yaml").write_text("data: {kind: drawn_people}\naugmentation: {preset: heavy, rotation: 5}\n")
    rest = [str(tmp_path / "r.yaml"), "--augmentation.noise", "0.2"]
    app = _app("train")
    app.config = [recipe_defaults(rest)]
    _, bound, _ = app.parse_args(["train", *rest], exit_on_error=False, print_error=False)
    given = bound.arguments["recipe"].augmentation if "recipe" in bound.arguments else next(iter(bound.arguments.values())).augmentation
    assert (given.hue, given.rotation, given.noise, given.occlusion) == (30, 5, 0.2, 0)
