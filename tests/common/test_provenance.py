"""Where a result comes from."""

import re
import subprocess

import pytest

from common.provenance import commit, portable_path, provenance


@pytest.fixture
def project(monkeypatch, tmp_path):
    root = tmp_path / "clones" / "suite"
    monkeypatch.setattr("common.provenance.PROJECT_ROOT", root)
    return root


def test_portable_path_is_relative_in_and_beside_the_project_and_a_bare_name_elsewhere(project, tmp_path):
    assert portable_path(project / "configs" / "a.py") == "configs/a.py"
    assert portable_path(project.parent / "data" / "b") == "../data/b"
    assert portable_path(tmp_path / "home" / "c.pth") == "…/c.pth"


def test_provenance_command_tells_no_folders_of_the_machine(project, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", [str(project / "tools/x.py"), f"data_root={tmp_path}/d", "--seed", "1"])
    assert provenance()["command"] == "tools/x.py 'data_root=…/d' --seed 1"


def test_provenance_names_versions_hardware_and_date():
    found = provenance()
    assert set(found) == {"commit", "dirty", "versions", "hardware", "command", "date"}
    assert all(found["versions"][name] for name in ("python", "torch", "mmengine", "mmcv", "mmseg", "mmdet"))
    assert found["hardware"]["cores"] >= 1
    assert found["hardware"]["cpu"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["date"])


@pytest.fixture
def checkout(project):
    """A repository with one commit, as the project's."""

    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", "-C", str(project), *identity, *arguments], check=True, capture_output=True)

    for name in ("code.py", "results/table.md"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("old")
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    return project


def test_results_and_new_files_do_not_make_a_checkout_dirty(checkout):
    (checkout / "results" / "table.md").write_text("new")
    (checkout / "results" / "kd_seed0.json").write_text("new")
    (checkout / "notes.txt").write_text("new")
    assert provenance()["dirty"] is False
    assert re.fullmatch("[0-9a-f]{40}", commit())


def test_changed_code_makes_a_checkout_dirty(checkout):
    (checkout / "code.py").write_text("new")
    assert provenance()["dirty"] is True
    assert commit() == f"{provenance()['commit']}-dirty"


def test_outside_of_a_checkout_nothing_is_claimed(project):
    project.mkdir(parents=True)
    assert (provenance()["commit"], provenance()["dirty"], commit()) == (None, None, "")
