import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasspose.errors import InputError
from glasspose.people import read_boxes

RESULTS = [
    {"image_id": 7, "category_id": 1, "bbox": [10, 20, 30, 40], "score": 0.5},
    {"image_id": 7, "category_id": 1, "bbox": [1.5, 2, 3, 4], "score": 0.9, "segmentation": {}},
    {"image_id": 7, "category_id": 18, "bbox": [0, 0, 9, 9], "score": 0.99},
    {"image_id": 8, "category_id": 18, "bbox": [0, 0, 9, 9], "score": 0.99},
]
OWN = {"format": "glasspose.boxes", "version": 1, "images": {"a/x.jpg": [{"box": [1, 2, 30, 40], "score": 0.9}], "b/x.jpg": [], "y.jpg": []}}


def written(folder, content, name="boxes.json"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def with_image(images):
    return {"format": "glasspose.boxes", "version": 1, "images": images}


def test_coco_results_become_corners_the_surest_first(tmp_path):
    people = read_boxes(written(tmp_path, RESULTS)).people("val2017/COCO_val2014_000000000007.jpg")
    assert people.boxes.tolist() == [[1.5, 2, 4.5, 6], [10, 20, 40, 60]]
    assert people.scores.tolist() == [0.9, 0.5]


def test_an_image_with_dogs_alone_holds_nobody(tmp_path):
    assert len(read_boxes(written(tmp_path, RESULTS)).people("000008.jpg")) == 0


@pytest.mark.parametrize("image", ["000009.jpg", "holiday.jpg"])
def test_an_image_that_results_do_not_mention_is_refused(tmp_path, image):
    with pytest.raises(InputError, match=f"says nothing of image {image}"):
        read_boxes(written(tmp_path, RESULTS)).people(image)


def test_a_caller_who_knows_the_number_gets_nobody_where_results_have_no_entry(tmp_path):
    file = read_boxes(written(tmp_path, RESULTS))
    assert [len(file.people("any.jpg", image_id=number)) for number in (7, 9)] == [2, 0]


def test_a_coco_file_names_the_images_and_the_category(tmp_path):
    images = [{"id": 7, "file_name": "holiday.jpg"}, {"id": 9, "file_name": "beach.jpg"}]
    categories = [{"id": 18, "name": "person"}, {"id": 1, "name": "dog"}]
    coco = written(tmp_path, {"images": images, "annotations": [], "categories": categories}, "coco.json")
    file = read_boxes(written(tmp_path, RESULTS), coco)
    assert file.people("photos/holiday.jpg").boxes.tolist() == [[0, 0, 9, 9]]
    assert len(file.people("beach.jpg")) == 0
    with pytest.raises(InputError, match=r"does not list image 7\.jpg"):
        file.people("7.jpg")


def test_the_only_category_is_meant_whatever_its_name(tmp_path):
    coco = written(tmp_path, {"images": [{"id": 8, "file_name": "8.jpg"}], "categories": [{"id": 18, "name": "mouse"}]}, "coco.json")
    assert len(read_boxes(written(tmp_path, RESULTS), coco).people("8.jpg")) == 1


def test_our_form_goes_by_name_with_folders_where_names_repeat(tmp_path):
    file = read_boxes(written(tmp_path, OWN))
    assert file.people("/photos/a/x.jpg").boxes.tolist() == [[1, 2, 30, 40]]
    assert [len(file.people(Path(name))) for name in ("b/x.jpg", "deep/y.jpg", "y.jpg")] == [0, 0, 0]
    with pytest.raises(InputError, match=r"may be a/x\.jpg or b/x\.jpg"):
        file.people("x.jpg")


def test_the_name_that_says_most_of_the_path_is_meant_but_never_more_than_it(tmp_path):
    boxes = {name: [{"box": [0, 0, 10, 10]}] * count for name, count in {"x.jpg": 1, "a/x.jpg": 2, "a/a/x.jpg": 3}.items()}
    file = read_boxes(written(tmp_path, with_image(boxes)))
    assert [len(file.people(name)) for name in ("x.jpg", "b/x.jpg", "a/x.jpg", "/c/a/a/x.jpg")] == [1, 1, 2, 3]


@pytest.mark.parametrize("image", ["z.jpg", "c/x.jpg"])
def test_our_form_refuses_an_image_it_does_not_list(tmp_path, image):
    with pytest.raises(InputError, match=f"does not list image {image}.*empty list"):
        read_boxes(written(tmp_path, OWN)).people(image)


def test_a_box_without_a_score_is_certain(tmp_path):
    assert read_boxes(written(tmp_path, with_image({"x.jpg": [{"box": [1, 2, 3, 4]}]}))).people("x.jpg").scores.tolist() == [1.0]


BAD = {
    "no JSON": ("[{", "Invalid JSON"),
    "empty": ("", "Invalid JSON"),
    "a number": ("3", "Input should be"),
    "nested without end": ("[" * 100_000, "Invalid JSON"),
    "no bbox": ([{"image_id": 1, "category_id": 1, "score": 1}], r"0\.bbox: Field required"),
    "three numbers": ([RESULTS[0] | {"bbox": [1, 2, 3]}], r"0\.bbox"),
    "negative width": ([RESULTS[0], RESULTS[0] | {"bbox": [1, 2, -3, 4]}], r"1\.bbox\.2"),
    "infinite": ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 1e999], "score": 1}]', r"0\.bbox\.3.*finite"),
    "not a number": ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, NaN], "score": 1}]', r"bbox\.3|Invalid JSON"),
    "score of 90": ([RESULTS[0] | {"score": 90}], r"0\.score"),
    "number as text": ([RESULTS[0] | {"image_id": "7"}], r"0\.image_id"),
    "no people": ([RESULTS[2]], "no entry of category 1"),
    "fractions": ([RESULTS[0] | {"bbox": [0.1, 0.1, 0.5, 0.5]}], "beyond the first pixel.*pixels"),
    "another format": ({"format": "glasspose.poses", "version": 1, "images": {}}, "format: Input should be 'glasspose.boxes'"),
    "a later version": (OWN | {"version": 2}, "version: "),
    "a COCO file": ({"images": [], "annotations": []}, r"format: Field required.*docs/people\.md"),
    "corners swapped": (with_image({"x.jpg": [{"box": [30, 2, 1, 40]}]}), "image x.jpg has a box that ends before it begins"),
    "box missing": (with_image({"x.jpg": [{"score": 1}]}), r"images\.x\.jpg\.0\.box: Field required"),
}


@pytest.mark.parametrize(("content", "says"), BAD.values(), ids=BAD.keys())
def test_a_malformed_file_is_refused_in_one_line_that_names_it(tmp_path, content, says):
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=says) as refused:
        read_boxes(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize("name", ["nowhere.json", "."])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="cannot be read"):
        read_boxes(tmp_path / name)


def test_a_malformed_coco_file_is_named_itself(tmp_path):
    coco = written(tmp_path, {"images": [{"id": 1}]}, "coco.json")
    with pytest.raises(InputError, match=r"coco\.json: images\.0\.file_name: Field required\. Give the annotation file"):
        read_boxes(written(tmp_path, RESULTS), coco)


def test_a_file_beyond_the_limit_is_not_even_read(tmp_path, monkeypatch):
    monkeypatch.setattr("glasspose.people.box_files.LARGEST_FILE", 100)
    with pytest.raises(InputError, match="larger than"):
        read_boxes(written(tmp_path, RESULTS))


LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text()
JSON = st.recursive(LEAVES, lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=8)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.fixed_dictionaries({"image_id": JSON, "category_id": JSON, "bbox": JSON, "score": JSON}) | JSON) | JSON | st.just(OWN["images"]))
def test_no_json_leads_to_anything_but_boxes_or_a_typed_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(content))
    with suppress(InputError):
        read_boxes(path)
