"""What the readers of landmark files log."""

import pytest

from common.landmark_files import checks, coco, dlib_xml, folder


@pytest.fixture
def logged(monkeypatch) -> list[str]:
    """The lines that readers log, in their order."""
    lines: list[str] = []
    for module in (checks, coco, dlib_xml, folder):
        monkeypatch.setattr(module, "print_log", lambda line, *rest: lines.append(line))
    return lines
