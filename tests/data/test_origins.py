import re
from urllib.parse import urlsplit

import pytest

from glasspose.data.fetching import check_address
from glasspose.data.origins import ORIGINS, wanted
from glasspose.errors import UsageError

ARCHIVES = [archive for origin in ORIGINS.values() for archive in origin.archives]
HOSTS = {"images.cocodataset.org", "datasets.d2.mpi-inf.mpg.de", "sam.johnson.io"}


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.name)
def test_addresses_are_official_and_may_be_fetched(archive):
    assert re.fullmatch(r"[\w.]+\.(zip|tar\.gz)", archive.name)
    if archive.address is not None:
        assert urlsplit(archive.address).hostname in HOSTS
        assert archive.address.endswith(f"/{archive.name}")
        check_address(archive.address, checksum_known=archive.sha256 is not None)
    assert archive.sha256 is None or re.fullmatch("[0-9a-f]{64}", archive.sha256)
    assert (archive.sha256 is None) == (archive.size is None)
    assert archive.largest >= (archive.expected or 0)


@pytest.mark.parametrize("dataset", ORIGINS)
def test_every_dataset_names_its_page_and_its_terms(dataset):
    origin = ORIGINS[dataset]
    assert origin.page.startswith("http")
    assert origin.terms.endswith(".")
    assert len({archive.part for archive in origin.archives}) == len({archive.name for archive in origin.archives}) == len(origin.archives)
    assert wanted(dataset) == list(origin.archives)


def test_parts_are_chosen_by_name():
    assert [archive.name for archive in wanted("coco", ("annotations",))] == ["annotations_trainval2017.zip"]
    with pytest.raises(UsageError, match="annotations, val, train"):
        wanted("coco", ("labels",))


def test_a_stated_checksum_stands_in_for_the_known_one():
    [archive] = wanted("coco", ("val",), sha256="AB" * 32)
    assert (archive.sha256, archive.size) == ("ab" * 32, None)
    with pytest.raises(UsageError, match="--only"):
        wanted("coco", sha256="ab" * 32)
    for wrong in ("", "ab", "xy" * 32):
        with pytest.raises(UsageError, match="64"):
            wanted("lsp", sha256=wrong)


def test_a_mirror_gives_files_of_the_same_names():
    assert wanted("flic", mirror="https://example.org/sets/")[0].address == "https://example.org/sets/FLIC.zip"
