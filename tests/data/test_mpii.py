"""MPII in its four forms: one-based, shifted and enlarged once, and read alike."""

import gzip
import json

import h5py
import numpy as np
import pytest
import scipy.io

from glasspose.configs.data import Mpii
from glasspose.data import read
from glasspose.data.framing import evaluation_box
from glasspose.data.lsp import AREA_OF_BOX
from glasspose.data.mpii import read_mpii
from glasspose.errors import AnnotationError
from glasspose.skeletons import LSP, MPII
from label_files_for_tests import HEAD_BOX, NUMBERS, PLACES, mpii_h5, mpii_hrnet, mpii_json, mpii_mat, mpii_points, mpii_rect

FORMS = {"json": "mpii_annotations.json", "gz": "mpii_annotations.json.gz", "h5": "valid.h5", "mat": "mpii.mat", "hrnet": "train.json"}


@pytest.fixture(params=FORMS)
def form(request, tmp_path):
    """The same three people in each of the forms."""
    name = FORMS[request.param]
    {"json": mpii_json, "gz": mpii_json, "h5": mpii_h5, "mat": mpii_mat, "hrnet": mpii_hrnet}[request.param](tmp_path, name)
    return request.param, Mpii(root=tmp_path, labels=name, split="all")


def test_every_form_gives_the_same_people(form):
    kind, config = form
    points, labelled, visible = mpii_points()
    dataset = read(config)
    assert dataset.skeleton == MPII
    for n, person in enumerate(dataset.annotations):
        assert person.labelled.tolist() == labelled[n].tolist()
        expected = np.trunc(points[n]) if kind == "h5" else points[n]
        assert np.array_equal(person.keypoints[labelled[n]], expected[labelled[n]] - 1), "pixels count from 0"
        assert person.occluded.tolist() == (np.zeros(16, bool) if kind == "hrnet" else labelled[n] & ~visible[n]).tolist()
        assert person.image == config.root / "images" / f"{NUMBERS[n][0]:09d}.jpg"
        assert (person.image_id, person.person_id) == (NUMBERS[n][0], 1000 * NUMBERS[n][0] + NUMBERS[n][1])


def test_the_shift_and_the_enlargement_are_brought_in_once(form):
    _, config = form
    people = read_mpii(config).annotations
    for n in (0, 2):
        x, y, scale = PLACES[n]
        square = evaluation_box(people[n])
        assert square[2:] - square[:2] == pytest.approx([250 * scale] * 2)
        assert (square[:2] + square[2:]) / 2 - 0.5 == pytest.approx([x - 1, y + 15 * scale - 1])


def test_without_place_and_scale_the_box_is_the_extent_of_the_keypoints(form):
    person = read_mpii(form[1]).annotations[1]
    known = person.keypoints[person.labelled]
    assert person.box.tolist() == pytest.approx([*known.min(0), *(known.max(0) + 1)])
    assert person.area == pytest.approx(AREA_OF_BOX * float((person.box[2:] - person.box[:2]).prod()))


def test_reference_lengths(form):
    kind, config = form
    head = {"h5": 30.0, "mat": 0.6 * float(np.hypot(HEAD_BOX[2] - HEAD_BOX[0], HEAD_BOX[3] - HEAD_BOX[1]))}.get(kind)
    people = read_mpii(config).annotations
    assert [person.head for person in people] == ([None] * 3 if head is None else [pytest.approx(head)] * 3)
    ends = [MPII.index("right_hip"), MPII.index("left_shoulder")]
    assert people[0].torso == pytest.approx(np.linalg.norm(np.subtract(*people[0].keypoints[ends])))


def test_the_official_file_has_head_boxes_of_its_own(tmp_path):
    mpii_mat(tmp_path, "m.mat")
    dataset = read(Mpii(root=tmp_path, labels="m.mat", split="all", skeleton="head_box"))
    assert dataset.skeleton.name == "head_box"
    assert [person.keypoints.ravel().tolist() for person in dataset.annotations] == [[pixel - 1 for pixel in HEAD_BOX]] * 3


@pytest.mark.parametrize(("write", "name"), [(mpii_json, "a.json"), (mpii_hrnet, "b.json")])
def test_a_json_takes_head_sizes_from_the_h5_beside_it(tmp_path, write, name):
    write(tmp_path, name)
    mpii_h5(tmp_path, people=[2])
    assert [person.head for person in read_mpii(Mpii(root=tmp_path, labels=name, split="all")).annotations] == [None, None, 30.0]


def test_the_validation_people_are_told_by_the_json_or_by_the_h5(tmp_path):
    mpii_json(tmp_path)
    mpii_mat(tmp_path, "m.mat")
    with pytest.raises(AnnotationError, match="does not say who is in split 'val'"):
        read_mpii(Mpii(root=tmp_path, labels="m.mat", split="val"))
    mpii_h5(tmp_path, people=[2])
    for name in ("mpii_annotations.json", "m.mat"):
        parts = {split: read_mpii(Mpii(root=tmp_path, labels=name, split=split)).annotations for split in ("train", "val", "all")}
        assert {split: [p.person_id for p in people] for split, people in parts.items()} == {
            "train": [1001, 1002],
            "val": [2001],
            "all": [1001, 1002, 2001],
        }
        with pytest.raises(AnnotationError, match="nobody is left of split 'test'"):
            read_mpii(Mpii(root=tmp_path, labels=name, split="test"))


def test_single_people_are_those_alone_in_their_picture(form):
    kind, config = form
    config = config.model_copy(update={"single_person": True})
    if kind in ("h5", "hrnet"):
        with pytest.raises(AnnotationError, match="does not say who else"):
            read_mpii(config)
    else:
        assert [person.person_id for person in read_mpii(config).annotations] == [2001]


def test_people_without_labels_are_company_all_the_same(tmp_path):
    mpii_mat(tmp_path, "m.mat", rects=[[mpii_rect(0)], [mpii_rect(2), {"scale": 1.0}], []])
    config = Mpii(root=tmp_path, labels="m.mat", split="all")
    assert len(read_mpii(config)) == 2
    assert [person.person_id for person in read_mpii(config.model_copy(update={"single_person": True})).annotations] == [1001]


def test_one_part_is_not_taken_for_all_parts(tmp_path):
    mpii_h5(tmp_path)
    mpii_h5(tmp_path, "train.h5", [0])
    with pytest.raises(AnnotationError, match="holds one part"):
        read_mpii(Mpii(root=tmp_path, labels="valid.h5", split="val"))
    assert [len(read_mpii(Mpii(root=tmp_path, labels="{split}.h5", split=split))) for split in ("train", "valid")] == [1, 3]


def test_filters_and_split_files(tmp_path):
    mpii_json(tmp_path)
    config = {"root": tmp_path, "labels": "mpii_annotations.json"}
    assert len(read_mpii(Mpii(**config, split="all", minimum_keypoints=15))) == 2
    assert len(read_mpii(Mpii(**config, split="all", minimum_area=300.0**2))) == 2
    (tmp_path / "s.json").write_text('{"mine": [1]}')
    assert [p.person_id for p in read_mpii(Mpii(**config, split="mine", splits="s.json")).annotations] == [1001, 1002]
    (tmp_path / "s.json").write_text('{"by": "person", "mine": [1002]}')
    assert [p.person_id for p in read_mpii(Mpii(**config, split="mine", splits="s.json")).annotations] == [1002]


def test_fourteen_keypoints_are_those_of_lsp(tmp_path):
    mpii_json(tmp_path)
    config = {"root": tmp_path, "labels": "mpii_annotations.json", "split": "all"}
    whole, part = read(Mpii(**config)).annotations[1], read(Mpii(**config, subset="14"))
    assert part.skeleton == LSP
    for name in LSP.keypoints:
        k, source = LSP.index(name), MPII.index("upper_neck" if name == "neck" else name)
        assert np.array_equal(part.annotations[1].keypoints[k], whole.keypoints[source])
        assert part.annotations[1].labelled[k] == whole.labelled[source]


def test_letter_codes_are_names_too(tmp_path):
    mpii_h5(tmp_path, letter_codes=True)
    assert read_mpii(Mpii(root=tmp_path, labels="valid.h5", split="all")).annotations[2].image.name == "000000002.jpg"


@pytest.mark.parametrize("compressed", [True, False])
def test_the_official_nesting_is_read_packed_or_not(tmp_path, compressed):
    mpii_mat(tmp_path, "m.mat", compressed)
    assert len(read_mpii(Mpii(root=tmp_path, labels="m.mat", split="all"))) == 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("joint_self", [[1, 2, 3]], "`joint_self` is not 16 x 3 numbers"),
        ("joint_self", None, "`joint_self` is not"),
        ("objpos", ["x", 1], "`objpos` is not 2 numbers"),
        ("scale_provided", float("nan"), "`scale_provided` is not a number"),
        ("scale_provided", 1e300, "`scale_provided` is not a number"),
        ("annolist_index", {}, "`annolist_index` is not a number"),
        ("img_paths", "../../secret.jpg", "is not a file name inside"),
        ("img_paths", 7, "is not a file name inside"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, field, value, message):
    people = mpii_json(tmp_path)
    people[1][field] = value
    (tmp_path / "mpii_annotations.json").write_text(json.dumps(people))
    with pytest.raises(AnnotationError, match=message):
        read_mpii(Mpii(root=tmp_path, labels="mpii_annotations.json", split="all"))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"[1]", b"[" * 100_000, b"\x1f\x8bxx", b"MATLAB", b"\x89HDF\r\n\x1a\n", gzip.compress(b"[{}]", mtime=0)]
)
def test_what_is_no_label_file_is_one_line(tmp_path, content):
    (tmp_path / "mpii_annotations.json.gz").write_bytes(content)
    with pytest.raises(AnnotationError) as caught:
        read_mpii(Mpii(root=tmp_path))
    assert "\n" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.data
@pytest.mark.slow
def test_the_real_counts(data_root):
    config = {"root": data_root / "mpii"}
    parts = {split: read_mpii(Mpii(**config, split=split)).annotations for split in ("train", "val")}
    assert {split: (len(p), len({a.image for a in p})) for split, p in parts.items()} == {"train": (22246, 14679), "val": (2958, 2729)}
    assert all(person.head for person in parts["val"])
    validation = {person.person_id for person in parts["val"]}
    single = {person.person_id for person in read_mpii(Mpii(**config, split="all", single_person=True)).annotations}
    assert (len(single), len(single - validation), len(single & validation)) == (11503, 10298, 1205)
    h5 = read_mpii(Mpii(**config, labels="valid.h5", split="all")).annotations
    for one, other in zip(parts["val"], h5, strict=True):
        assert one.person_id == other.person_id
        assert one.box == pytest.approx(other.box, abs=0.3), "the json rounds the scale to a thousandth"
        both = one.labelled & other.labelled
        assert np.abs(one.keypoints - other.keypoints)[both].max() <= 1, "the h5 cuts to whole pixels"
    five = read_mpii(Mpii(**config, labels="mpii_five_images.json", split="all")).annotations
    assert all(person.image.is_file() and person.head for person in five)


@pytest.mark.data
@pytest.mark.slow
def test_a_joint_is_labelled_where_the_official_evaluation_says_so(data_root):
    """44,240 joints, 33,997 of them visible. Code that takes x > 0 in the h5 for "labelled" counts one less of each: that joint's x is
    0.273, outside the picture where pixels count from 1, which the h5 cuts to 0. Forty others lie above the picture, and are labelled as well.
    """
    config = {"root": data_root / "mpii"}
    people, h5 = (read_mpii(Mpii(**config, **which)).annotations for which in ({"split": "val"}, {"labels": "valid.h5", "split": "all"}))
    labelled, occluded = (np.stack([getattr(person, name) for person in people]) for name in ("labelled", "occluded"))
    missing = scipy.io.loadmat(data_root / "golden/mpii_pckh/detections_our_format.mat")["jnt_missing"].T
    assert np.array_equal(labelled, missing == 0)
    assert np.array_equal(labelled, np.stack([person.labelled for person in h5]))
    assert (labelled.sum(), (labelled & ~occluded).sum()) == (44240, 33997)
    cut = labelled & (np.stack([person.keypoints for person in h5])[..., 0] + 1 <= 0)
    assert (cut.sum(), (cut & ~occluded).sum()) == (1, 1)
    exact = np.stack([person.keypoints for person in people])[cut][0, 0] + 1
    assert exact == pytest.approx(0.273)


@pytest.mark.parametrize("kind", ["external", "soft"])
def test_links_of_an_h5_are_not_followed(tmp_path, kind):
    mpii_h5(tmp_path, "other.h5")
    mpii_h5(tmp_path)
    with h5py.File(tmp_path / "valid.h5", "a") as file:
        del file["scale"]
        file["scale"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/scale") if kind == "external" else h5py.SoftLink("/normalize")
    with pytest.raises(AnnotationError, match="scale is missing or a link"):
        read_mpii(Mpii(root=tmp_path, labels="valid.h5", split="all"))
