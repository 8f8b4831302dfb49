"""Fixtures of the tests of common."""

import pytest
from mmengine.logging import MessageHub
from toys import set_iteration


@pytest.fixture
def no_run_before():
    """A fresh message hub: the engine's current one may come from another test's run."""
    MessageHub.get_instance(f"test_{id(object())}")
    set_iteration(0)
