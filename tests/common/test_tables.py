"""Comparison tables: what is missing, what is shown, and what may be said of a gain."""

import json

import numpy as np
import pytest

import common.tables as tables
from common.errors import ConfigError
from common.tables import Reproduction, RunFailedError, comparison, load_table

TABLE = """
title = 'Toys'
protocol = '8 images'
split = 'test'
metrics = ['mIoU']
seeds = [0, 1]
baseline = 'student alone'
rows = [
    dict(name='BPKD', config='b.py', teachers=dict(teacher='teacher'), paper=dict(mIoU=78.59)),
    dict(name='teacher', config='t.py', seeds=[0]),
    dict(name='student alone', config='s.py', paper=dict(mIoU=75.29)),
    dict(name='quoted', paper=dict(mIoU=77.0)),
]
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "toys.py"
    path.write_text(TABLE)
    return load_table(path)


def results(**scores):
    return {name: [{"scores": {"mIoU": value}} for value in values] for name, values in scores.items()}


def shown(table, measured):
    return [[list(map(str, row)) for row in one.rows] for one in comparison(table, measured)]


def test_teachers_run_before_the_rows_that_need_them(table):
    order = [(row.name, seed) for row, seed in Reproduction(table).cells()]
    assert order[0] == ("teacher", 0)
    assert set(order) == {("teacher", 0), ("BPKD", 0), ("BPKD", 1), ("student alone", 0), ("student alone", 1)}


def test_a_cell_with_a_result_is_not_run_again(table, tmp_path):
    runs = Reproduction(table, results=tmp_path)
    path = runs.result_path(table.row("student alone"), 1)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"scores": {"mIoU": 1.0}}))
    assert ("student alone", 1) not in [(row.name, seed) for row, seed in runs.missing()]
    assert len(runs.missing()) == 4


def test_paper_stands_beside_measured_mean_and_sample_deviation(table):
    rows = shown(table, results(**{"student alone": [70.0, 71.0]}))[0]
    assert rows[2] == ["student alone", "75.29", f"70.50 ± {np.std([70, 71], ddof=1):.2f}", "2"]
    assert rows[3] == ["quoted", "77.00", "-", "0"]


@pytest.mark.parametrize(
    ("ours", "said"),
    [([72.0, 73.0], "+2.00 (gain)"), ([70.8, 71.2], "+0.50 (no gain)"), ([60.0, 61.0], "-10.00 (loss)")],
)
def test_a_gain_within_the_spread_is_no_gain(table, ours, said):
    gains = shown(table, results(**{"student alone": [70.0, 71.0], "BPKD": ours}))[1]
    assert gains == [["BPKD", said]]


def test_one_seed_has_no_spread_to_judge_by(table):
    gains = shown(table, results(**{"student alone": [70.0], "BPKD": [75.0]}))[1]
    assert gains == [["BPKD", "+5.00 (spread unknown)"]]


def test_the_teacher_is_not_compared_with_its_student(table):
    assert len(comparison(table, results(teacher=[80.0], **{"student alone": [70.0, 71.0]}))) == 1


def test_a_run_takes_its_teacher_from_the_teachers_row_and_stores_scores_with_provenance(table, tmp_path, monkeypatch):
    calls = []

    def fake_call(self, command, log):
        calls.append(command)
        folder = self.run_dir(table.row("BPKD"), 1)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "iter_5.pth").touch()
        (folder / "scores.json").write_text(json.dumps({"scores": {"mIoU": 3.0}, "provenance": {"commit": "c"}}))

    monkeypatch.setattr(Reproduction, "_call", fake_call)
    runs = Reproduction(table, work_dir=tmp_path / "w", results=tmp_path / "r", data_root="d")
    teacher = runs.run_dir(table.row("teacher"), 0)
    teacher.mkdir(parents=True)
    (teacher / "iter_9.pth").touch()
    runs.run(table.row("BPKD"), 1)
    assert f"model.teachers.teacher.checkpoint={teacher / 'iter_9.pth'}" in calls[0]
    assert calls[0][calls[0].index("--seed") + 1] == "1"
    assert calls[1][calls[1].index("--split") + 1] == "test"
    stored = json.loads(runs.result_path(table.row("BPKD"), 1).read_text())
    assert (stored["row"], stored["seed"], stored["scores"]["mIoU"], stored["provenance"]["commit"]) == (
        "BPKD",
        1,
        3.0,
        "c",
    )


def test_a_missing_teacher_names_the_row_that_trains_it(table, tmp_path):
    with pytest.raises(RunFailedError, match="needs the checkpoint of row 'teacher'"):
        Reproduction(table, work_dir=tmp_path, results=tmp_path).run(table.row("BPKD"), 0)


def test_a_failed_run_shows_the_end_of_its_log_and_stores_nothing(table, tmp_path):
    runs = Reproduction(table, work_dir=tmp_path / "w", results=tmp_path / "r")
    with pytest.raises(RunFailedError, match=r"expected a config file at s\.py"):
        runs.run(table.row("student alone"), 0)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("split =", "splitt =", "unknown key 'splitt' in toys.py; did you mean 'split'"),
        ("config='s.py'", "confg='s.py'", "unknown key 'confg'"),
        ("teacher='teacher'", "teacher='techer'", "no row 'techer'; did you mean 'teacher'"),
    ],
)
def test_unknown_keys_and_rows_are_errors(tmp_path, old, new, message):
    path = tmp_path / "toys.py"
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        load_table(path)


def test_an_unknown_table_lists_those_there_are():
    with pytest.raises(ConfigError, match=r"no table 'seg_demoo'; did you mean 'seg_demo'"):
        load_table("seg_demoo")


TABLES = sorted((tables.PROJECT_ROOT / "configs" / "tables").glob("*.py"))


@pytest.mark.parametrize("path", TABLES, ids=lambda p: p.stem)
def test_every_table_of_the_project_can_be_read_with_its_configs(path):
    tables.check_configs(load_table(path))


def test_less_of_an_error_is_a_gain(tmp_path):
    path = tmp_path / "errors.py"
    path.write_text(TABLE + 'lower_is_better = ["mIoU"]\n')
    gains = shown(load_table(path), results(**{"student alone": [70.0, 71.0], "BPKD": [60.0, 61.0]}))[1]
    assert gains == [["BPKD", "-10.00 (gain)"]]
