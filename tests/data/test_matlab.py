"""MATLAB's level 5 files: what scipy writes is read, and structs that lack fields are damage."""

import numpy as np
import pytest
import scipy.io

from glasspose.data.matlab import DAMAGE, Structs, variable


@pytest.mark.parametrize("compressed", [True, False])
def test_numbers_texts_and_structs(tmp_path, compressed):
    inner = {"a": np.arange(6.0).reshape(2, 3), "text": "märz", "empty": np.zeros((0, 0)), "one": 7.0}
    scipy.io.savemat(tmp_path / "m.mat", {"s": inner}, do_compression=compressed)
    found = variable((tmp_path / "m.mat").read_bytes(), b"s")
    assert isinstance(found, Structs)
    assert np.array_equal(found.get(0, "a"), inner["a"])
    assert (found.get(0, "text"), found.get(0, "empty"), found.get(0, "absent"), found.number(0, "one")) == ("märz", None, None, 7.0)
    with pytest.raises(DAMAGE):
        found.number(0, "text")


def test_structs_with_another_number_of_fields_than_they_say(tmp_path):
    scipy.io.savemat(tmp_path / "m.mat", {"s": {"a": 1.0, "b": 2.0}}, do_compression=False)
    content = (tmp_path / "m.mat").read_bytes()
    shape = np.array([5, 8, 1, 1], "<i4").tobytes()
    assert content.count(shape) >= 1
    with pytest.raises(ValueError, match="2 fields for 3 structs"):
        variable(content.replace(shape, np.array([5, 8, 1, 3], "<i4").tobytes(), 1), b"s")


def test_another_name_is_missing(tmp_path):
    scipy.io.savemat(tmp_path / "m.mat", {"s": 1.0})
    with pytest.raises(KeyError):
        variable((tmp_path / "m.mat").read_bytes(), b"t")
