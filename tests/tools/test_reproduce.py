"""The command that runs what a table lacks."""

import json
import runpy

import pytest
from conftest import ROOT

TABLE = """
title = 'Toys'
protocol = '8 images'
split = 'test'
metrics = ['mIoU']
baseline = 'alone'
rows = [dict(name='alone', config='s.py', seeds=[0])]
"""


@pytest.fixture
def reproduce(tmp_path, monkeypatch):
    """Runs the command on a table that lacks nothing; returns where it would write."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.py").write_text("model = dict(type='Toy')")
    (tmp_path / "toys.py").write_text(TABLE)
    folder = tmp_path / "results" / "toys"
    folder.mkdir(parents=True)
    (folder / "alone_seed0.json").write_text(json.dumps({"scores": {"mIoU": 5.0}, "config_sha256": "older"}))
    main = runpy.run_path(str(ROOT / "tools" / "reproduce.py"))["main"]

    def run(*arguments):
        assert main(["toys.py", *arguments]) == 0
        return folder / "table.md"

    return run


def test_showing_a_table_writes_nothing(reproduce, capsys):
    assert not reproduce("--show").exists()
    assert "5.00" in capsys.readouterr().out


def test_running_a_table_writes_it(reproduce):
    assert "| alone (config changed since) | 5.00 | 1 |" in reproduce().read_text()


def test_what_has_changed_is_told_with_the_way_to_run_it_again(reproduce, capsys):
    reproduce("--show")
    out = " ".join(capsys.readouterr().out.split())
    assert "alone: its config changed since seed 0 was measured" in out
    assert "rm -r results/toys/alone_seed0.json" in out
