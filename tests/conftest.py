"""Paths and fixtures that every test can use."""

import os
import sys
from pathlib import Path

import pytest

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
