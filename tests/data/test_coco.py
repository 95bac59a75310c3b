"""COCO files: what is read, what is corrected, what is refused and how it is said."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasspose.configs.data import Coco
from glasspose.data.coco import read_coco, survey_coco
from glasspose.errors import AnnotationError, GlassposeError
from glasspose.skeletons import COCO
from label_files_for_tests import coco_json

KITE = {"id": 7, "name": "kite", "keypoints": ["tip", "left_wing", "right_wing", "tail"], "skeleton": [[1, 4], [2, 3]]}
PERSON = {
    "id": 5,
    "image_id": 3,
    "category_id": 7,
    "bbox": [10.0, 20.0, 30.0, 40.0],
    "area": 700.5,
    "keypoints": [12, 22, 2, 15, 30, 1, 0, 0, 0, 39, 59, 2],
    "num_keypoints": 3,
    "iscrowd": 0,
}
FILE = {"images": [{"id": 3, "file_name": "a/3.jpg"}], "categories": [{"id": 1, "name": "car"}, KITE], "annotations": [PERSON]}


def config(folder: Path, document=FILE, **options) -> Coco:
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / "labels.json").write_text(text)
    return Coco(root=folder, annotations="labels.json", images="images", **options)


def changed(**fields) -> dict:
    """The file with other fields in its one annotation; None takes a field away."""
    person = {key: value for key, value in (PERSON | fields).items() if value is not None}
    return FILE | {"annotations": [person]}


def only(folder: Path, document=FILE, **options):
    (person,) = read_coco(config(folder, document, **options)).annotations
    return person


def test_an_annotation_is_read_as_it_stands(tmp_path):
    person = only(tmp_path)
    assert person.image == tmp_path / "images" / "a" / "3.jpg"
    assert (person.image_id, person.person_id, person.area, person.crowd) == (3, 5, 700.5, False)
    assert person.keypoints[[0, 1, 3]].tolist() == [[12, 22], [15, 30], [39, 59]]
    assert person.labelled.tolist() == [True, True, False, True]
    assert person.occluded.tolist() == [False, True, False, False]
    assert person.box.tolist() == [10, 20, 40, 60]


def test_the_skeleton_comes_from_the_category(tmp_path):
    skeleton = read_coco(config(tmp_path, sigmas=(0.1, 0.2, 0.2, 0.3))).skeleton
    assert skeleton.keypoints == ("tip", "left_wing", "right_wing", "tail")
    assert skeleton.pairs == ((1, 2),)
    assert skeleton.limbs == ((0, 3), (1, 2))
    assert skeleton.sigmas == (0.1, 0.2, 0.2, 0.3)


def test_two_of_ones_own_keypoints_are_the_unit_of_pck(tmp_path):
    dataset = read_coco(config(tmp_path, torso=("tip", "tail")))
    assert dataset.skeleton.torso == (0, 3)
    assert dataset.annotations[0].torso == pytest.approx(np.hypot(39 - 12, 59 - 22))
    assert only(tmp_path).torso is None
    with pytest.raises(AnnotationError, match="beak"):
        read_coco(config(tmp_path, torso=("tip", "beak")))


def test_the_corner_is_a_point_only_where_it_is_labelled(tmp_path):
    person = only(tmp_path, changed(keypoints=[0, 0, 2, 0, 0, 0, 5, 5, 2, 0, 0, 0]))
    assert person.labelled.tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("area", "expected"), [(None, 0.53 * 1200), (0, 0.53 * 1200), ([700.5], 700.5), ([300, 200.5], 500.5), ([], None), (-1, None), ("7", None)]
)
def test_area(tmp_path, area, expected):
    if expected is None:
        with pytest.raises(AnnotationError, match="annotation 5: `area` is"):
            only(tmp_path, changed(area=area))
    else:
        assert only(tmp_path, changed(area=area)).area == pytest.approx(expected)


@pytest.mark.parametrize("box", [None, [], [10, 20, 0, 40], [10, 20, 30, 0]])
def test_a_missing_or_empty_box_is_the_extent_of_the_keypoints(tmp_path, box):
    if box == []:
        with pytest.raises(AnnotationError, match="`bbox` is not a list of 4"):
            only(tmp_path, changed(bbox=box))
    else:
        assert only(tmp_path, changed(bbox=box)).box.tolist() == [12, 22, 40, 60]


def test_keypoints_are_counted_anew(tmp_path):
    lying = changed(num_keypoints=0)
    assert only(tmp_path, lying, minimum_keypoints=3).labelled.sum() == 3
    _, faults = survey_coco(config(tmp_path, lying))
    assert [(fault.rule, fault.severity) for fault in faults] == [("keypoint-count", "warning")]
    with pytest.raises(AnnotationError, match="nobody has 4 labelled"):
        read_coco(config(tmp_path, changed(num_keypoints=4), minimum_keypoints=4))


def test_crowds_and_small_people_are_left_out_on_request(tmp_path):
    crowd = changed(iscrowd=1, keypoints=[0] * 12, num_keypoints=0)
    assert only(tmp_path, crowd, crowds=True).crowd
    for document, options in ((crowd, {}), (FILE, {"minimum_area": 1201})):
        with pytest.raises(AnnotationError, match="nobody"):
            read_coco(config(tmp_path, document, **options))
    assert only(tmp_path, minimum_area=1200).person_id == 5


def test_a_split_file_chooses_the_images(tmp_path):
    second = PERSON | {"id": 6, "image_id": 4}
    document = FILE | {"images": [{"id": 3, "file_name": "3.jpg"}, {"id": 4, "file_name": "4.jpg"}], "annotations": [PERSON, second]}
    (tmp_path / "splits.json").write_text('{"train": [3], "val": [4]}')
    assert only(tmp_path, document, splits="splits.json", split="val").person_id == 6
    assert len(read_coco(config(tmp_path, document, splits="splits.json", split="all"))) == 2
    with pytest.raises(AnnotationError, match=r"no split 'test'.*train, val"):
        read_coco(config(tmp_path, document, splits="splits.json", split="test"))


def test_annotations_of_categories_without_keypoints_are_left_out(tmp_path):
    car = {"id": 4, "image_id": 99, "category_id": 1, "bbox": "anything"}
    assert only(tmp_path, FILE | {"annotations": [car, PERSON]}).person_id == 5


WRONG = {
    "annotation-id": [{"id": None}, {"id": "5"}, {"id": 5.0}],
    "unknown-image": [{"image_id": 4}, {"image_id": None}, {"image_id": [3]}],
    "unknown-category": [{"category_id": 8}, {"category_id": "7"}],
    "keypoints": [
        {"keypoints": [1, 2, 2] * 5},
        {"keypoints": [[1, 2, 2]] * 4},
        {"keypoints": "1"},
        {"keypoints": ["1", 2, 2] * 4},
        {"keypoints": [float("nan"), 2, 2] * 4},
        {"keypoints": [1, float("inf"), 2] * 4},
        {"keypoints": [10**400, 2.5, 2] * 4},
        {"keypoints": [1, 2, 3] * 4},
        {"keypoints": [-1, 2, 2] * 4},
        {"keypoints": [True, 2, 2] * 4},
    ],
    "box": [{"bbox": [1, 2, 3]}, {"bbox": [1, 2, -3, 4]}, {"bbox": [1, float("nan"), 3, 4]}, {"bbox": {"x": 1}}],
    "area": [{"area": float("nan")}, {"area": {}}, {"area": 1e300}, {"area": [1, "2"]}],
}


@pytest.mark.parametrize(("rule", "fields"), [(rule, fields) for rule, group in WRONG.items() for fields in group])
def test_a_wrong_entry_is_refused_with_its_file_and_id(tmp_path, rule, fields):
    document = changed(**fields)
    _, faults = survey_coco(config(tmp_path, document))
    assert [fault.rule for fault in faults if fault.severity == "error"] == [rule]
    with pytest.raises(AnnotationError, match=r"labels\.json: annotations?[ \[](5|0)") as caught:
        read_coco(config(tmp_path, document))
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_unlabelled_keypoints_may_carry_any_numbers(tmp_path):
    assert only(tmp_path, changed(keypoints=[-1, -1, 0, -1, -1, 0, 3, 4, 2, -1, -1, 0])).keypoints.tolist() == [[0, 0], [0, 0], [3, 4], [0, 0]]


def test_the_survey_goes_on_and_counts(tmp_path):
    twin, stray = PERSON | {"bbox": [0, 0, 5, 5]}, PERSON | {"id": 9, "image_id": 44}
    dataset, faults = survey_coco(config(tmp_path, FILE | {"annotations": [PERSON, twin, stray, None]}))
    assert [(fault.rule, fault.where) for fault in faults] == [
        ("annotation-id", "annotation 5"),
        ("unknown-image", "annotation 9"),
        ("annotation-entry", "annotations[3]"),
    ]
    assert [person.box[0] for person in dataset.annotations] == [10]
    with pytest.raises(AnnotationError, match=r"and 2 more.*data check"):
        read_coco(config(tmp_path, FILE | {"annotations": [PERSON, twin, stray, None]}))


@pytest.mark.parametrize("name", ["/etc/passwd", "../../x.jpg", "a/../../x.jpg", "..\\x.jpg", "C:\\x.jpg", "\\\\host\\x", "", 5, None, "a\0b"])
def test_an_image_name_stays_inside_the_folder(tmp_path, name):
    with pytest.raises(AnnotationError, match="image 3: has file_name"):
        read_coco(config(tmp_path, FILE | {"images": [{"id": 3, "file_name": name}]}))


def test_images_may_be_listed_twice_but_not_with_two_names(tmp_path):
    image = {"id": 3, "file_name": "3.jpg"}
    assert only(tmp_path, FILE | {"images": [image, image]}).image_id == 3
    with pytest.raises(AnnotationError, match="image 3: has two file names"):
        only(tmp_path, FILE | {"images": [image, image | {"file_name": "4.jpg"}]})


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[",
        "[]",
        "null",
        "[" * 200_000,
        '{"a":' * 100_000,
        "\ud83d".encode("utf-16", "surrogatepass").decode("latin-1"),
        "1" * 10_000,
        {},
        FILE | {"images": {}},
        FILE | {"categories": []},
        FILE | {"categories": [1]},
        FILE | {"categories": [{"id": 1, "name": "car"}]},
        FILE | {"categories": [KITE, KITE | {"id": 8, "keypoints": ["tip"]}]},
        FILE | {"categories": [KITE | {"keypoints": ["tip", "tip"]}]},
        FILE | {"categories": [KITE | {"keypoints": "tip"}]},
        FILE | {"categories": [KITE | {"skeleton": [[1, 9]]}]},
        FILE | {"categories": [KITE | {"skeleton": 5}]},
        FILE | {"categories": [KITE | {"skeleton": [[1, float("inf")]]}]},
    ],
    ids=lambda document: str(document)[:30],
)
def test_a_file_of_another_form_is_refused_in_one_line(tmp_path, document):
    with pytest.raises(AnnotationError, match=r"labels\.json") as caught:
        read_coco(config(tmp_path, document))
    assert caught.value.remedy


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(AnnotationError, match=r"person_keypoints_train2017\.json is not there"):
        read_coco(Coco(root=tmp_path))


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
JSON = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=4), max_leaves=6)


@settings(max_examples=200, deadline=None)
@given(field=st.sampled_from([*PERSON]), value=JSON, place=st.sampled_from(["annotations", "images", "categories"]))
def test_any_damage_is_a_typed_error_or_harmless(tmp_path_factory, field, value, place):
    document = copy.deepcopy(FILE)
    document[place][-1][field if place == "annotations" else "id"] = value
    try:
        people = read_coco(config(tmp_path_factory.mktemp("damaged"), document)).annotations
    except GlassposeError:
        return
    assert all(np.isfinite(person.keypoints).all() and np.isfinite([*person.box, person.area]).all() and person.area > 0 for person in people)


@pytest.mark.data
@pytest.mark.parametrize(("split", "people", "images"), [("train", 367, 136), ("val", 272, 85)])
def test_the_real_files(data_root, split, people, images):
    dataset = read_coco(Coco(root=data_root / "coco", split=split))
    assert dataset.skeleton is COCO
    assert (len(dataset), len({person.image_id for person in dataset.annotations})) == (people, images)
    assert all(person.image.is_file() for person in dataset.annotations)
    keypoints = np.concatenate([person.keypoints[person.labelled] for person in dataset.annotations])
    assert (keypoints == keypoints.round()).all()
    assert keypoints.min() >= 0


@pytest.mark.data
def test_official_labels_have_no_faults(data_root):
    labels = "golden/coco_oks/person_keypoints_val2017_official_481imgs.json"
    dataset, faults = survey_coco(Coco(root=data_root, annotations=labels, minimum_keypoints=0, crowds=True))
    assert faults == []
    assert sum(person.crowd for person in dataset.annotations) > 0


def test_people_alone_in_their_picture(tmp_path):
    coco_json(tmp_path)
    assert [person.person_id for person in read_coco(Coco(root=tmp_path, single_person=True)).annotations] == [3]
    assert len(read_coco(Coco(root=tmp_path))) == 3


def test_whom_another_option_leaves_out_is_company_all_the_same(tmp_path):
    coco_json(tmp_path)
    path = tmp_path / "annotations/person_keypoints_train2017.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["keypoints"] = [0] * 51
    path.write_text(json.dumps(document))
    assert [person.person_id for person in read_coco(Coco(root=tmp_path)).annotations] == [2, 3]
    assert [person.person_id for person in read_coco(Coco(root=tmp_path, single_person=True)).annotations] == [3]
