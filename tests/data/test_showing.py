from dataclasses import replace

import numpy as np
import pytest

from glasspose.configs.data import DrawnPeople
from glasspose.configs.training import Packing
from glasspose.data.drawn_people import read_drawn_people
from glasspose.data.framing import evaluation_box, framed
from glasspose.data.showing import CELL, fits, people_sheet, preparation_sheet
from glasspose.errors import AnnotationError, ImageError
from glasspose.geometry import crop_matrix, resize_matrix, transform, warp
from glasspose.images import load_image


@pytest.fixture
def people(tmp_path):
    return read_drawn_people(DrawnPeople(count=5, folder=tmp_path, size=(96, 96)))


def test_a_sheet_has_a_cell_for_everybody(people):
    one, row, two_rows = people_sheet(people, [0]), people_sheet(people, [0, 1, 2], columns=3), people_sheet(people, range(5), columns=3)
    assert row.dtype == np.uint8
    assert one.shape[1] >= CELL
    assert row.shape[1] >= 3 * CELL
    assert row.shape[1] == two_rows.shape[1]
    assert two_rows.shape[0] == pytest.approx(2 * row.shape[0], rel=0.1)


def test_labels_are_drawn_and_what_is_not_labelled_is_not(people):
    def sheet(**changes):
        return people_sheet(replace(people, annotations=[replace(people.annotations[0], **changes)]), [0])

    nothing, everything = np.zeros(14, bool), np.ones(14, bool)
    bare = sheet(labelled=nothing)
    moved = sheet(labelled=nothing, keypoints=people.annotations[0].keypoints + 20)
    assert np.array_equal(bare, moved)
    assert not np.array_equal(bare, sheet(labelled=everything))
    assert not np.array_equal(sheet(labelled=everything, occluded=nothing), sheet(labelled=everything, occluded=everything))


def test_a_picture_that_is_gone_is_one_line(people):
    people.annotations[0].image.unlink()
    with pytest.raises(ImageError):
        people_sheet(people, [0])


def test_preparation_has_four_pictures_for_everybody(people):
    one, two = preparation_sheet(people, [0], "left_wrist"), preparation_sheet(people, [0, 3], "left_wrist")
    assert one.shape[1] == two.shape[1] >= 4 * CELL
    assert two.shape[0] == 2 * one.shape[0]
    with pytest.raises(AnnotationError, match="no keypoint 'left_tail'"):
        preparation_sheet(people, [0], "left_tail")


def test_the_target_is_bright_where_the_keypoint_is_and_empty_without_a_label(people):
    def target(labelled):
        flags = np.full(14, labelled)
        person = replace(people.annotations[0], labelled=flags)
        k = people.skeleton.index("neck")
        sheet = preparation_sheet(replace(people, annotations=[person]), [0], "neck")
        x, y = transform(person.keypoints[k], crop_matrix(evaluation_box(person), (CELL, CELL)))
        left = 3 * (sheet.shape[1] // 4)
        return sheet[round(y), left + round(x)].astype(int)

    assert np.ptp(target(True)) > 100, "yellow"
    assert np.ptp(target(False)) < 10, "grey"


def test_the_square_that_is_shown_is_that_of_the_framing(tmp_path):
    """Drawn people beside the edge of a wide picture: the thesis's square is centred on the keypoints, the box's is not."""
    someone = read_drawn_people(DrawnPeople(count=1, folder=tmp_path, size=(96, 96)))
    points = np.where(someone.annotations[0].labelled[:, None], np.linspace((40, 30), (56, 60), 14), 0)
    person = replace(someone.annotations[0], keypoints=points, box=np.array([20.0, 20, 60, 66]))
    dataset = replace(someone, annotations=[person])
    image = load_image(person.image)
    sheets = {}
    for name, framing in (("thesis", Packing(framing="thesis")), ("box", Packing()), ("squash", Packing(framing="squash"))):
        sheet = sheets[name] = preparation_sheet(dataset, [0], "neck", framing)
        expected = warp(image, crop_matrix(framed(person, framing), (CELL, CELL)), (CELL, CELL))
        left = 2 * (sheet.shape[1] // 4)
        near = [np.abs(sheet[:CELL, left + x : left + x + CELL].astype(int) - expected).mean() for x in range(-4, 8)]
        assert min(near) < 1, name
        assert not np.array_equal(people_sheet(dataset, [0], framing=framing), people_sheet(dataset, [0], framing=Packing(margin=1.6)))
    square = framed(person, Packing(framing="thesis"))
    corners = np.rint(transform(square.reshape(2, 2) - 0.5, resize_matrix((96, 96), (CELL, CELL)))).astype(int)
    edge = sheets["thesis"][(corners[0, 1] + corners[1, 1]) // 2, CELL : 2 * CELL + 8]
    assert (np.abs(edge - np.array([255, 220, 0])).sum(1) < 30).sum() >= 2, "its left and right side on the picture with labels"


def test_who_does_not_fit_the_framing_is_not_shown(people):
    person = replace(people.annotations[0], keypoints=np.linspace((2, 2), (4, 94), 14), labelled=np.ones(14, bool))
    assert fits(person, Packing())
    assert not fits(person, Packing(framing="thesis"))
    assert not fits(replace(person, labelled=np.zeros(14, bool)), Packing(framing="thesis"))
    with pytest.raises(ValueError, match="does not fit"):
        people_sheet(replace(people, annotations=[person]), [0], framing=Packing(framing="thesis"))
