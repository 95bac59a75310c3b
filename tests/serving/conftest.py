import pytest

from serving_for_tests import service


@pytest.fixture(scope="session")
def dots(tmp_path_factory):
    """A service as it is in earnest, whose answers are known, shared by tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("serving")
    with service(folder, forked=False, keeping={"folder": str(folder / "kept"), "bytes": 10**6}) as made:
        yield made
