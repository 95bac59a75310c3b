"""What more than one file of tests uses."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("glasspose", deadline=None)  # a busy machine is no failure; pytest-timeout ends what hangs
settings.load_profile("glasspose")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data that GLASSPOSE_DATA names."""
    named = os.environ.get("GLASSPOSE_DATA")
    if not named:
        pytest.skip("GLASSPOSE_DATA is not set: tests on real data are left out")
    if not Path(named).is_dir():
        pytest.skip(f"GLASSPOSE_DATA names {named}, which is not a folder: tests on real data are left out")
    return Path(named).resolve()
