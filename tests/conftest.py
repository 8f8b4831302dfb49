"""Paths and fixtures that every test can use."""

import functools
import os
import sys
from pathlib import Path

import mmengine.config.utils
import pytest

# For each config on one of mmdet's the engine reads all of that package's indices again, a third of a second each time.
mmengine.config.utils.load = functools.cache(mmengine.config.utils.load)

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent))


def shared_folder() -> Path:
    """The folder with golden numbers and real data: DISTILL_SHARED, or ``../shared`` beside the project."""
    return Path(os.environ.get("DISTILL_SHARED", ROOT.parent / "shared"))


@pytest.fixture
def shared_data() -> Path:
    """Real data for tests; skips, saying so, where it is not there."""
    folder = shared_folder() / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder} (set DISTILL_SHARED)")
    return folder


@pytest.fixture(scope="session")
def small_camvid(tmp_path_factory) -> Path:
    """Sixteen pictures of 64x48 in CamVid's layout; for reading only."""
    from small_runs import write_camvid

    return write_camvid(tmp_path_factory.mktemp("camvid"))


@pytest.fixture(scope="session")
def small_teacher(tmp_path_factory, small_camvid) -> tuple[Path, Path]:
    """Config and checkpoint of a teacher for `small_runs.network`; for reading only."""
    from small_runs import write_teacher

    return write_teacher(tmp_path_factory.mktemp("teacher"), small_camvid)
