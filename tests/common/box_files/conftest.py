"""What the readers of boxes log."""

import pytest

from common.box_files import rules


@pytest.fixture
def logged(monkeypatch) -> list[str]:
    """The lines that readers log, in their order."""
    lines: list[str] = []
    monkeypatch.setattr(rules, "print_log", lambda line, *rest: lines.append(line))
    return lines
