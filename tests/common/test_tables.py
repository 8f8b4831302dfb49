"""Comparison tables: what is shown, and what may be said of a gain."""

import numpy as np
import pytest

import common.tables as tables
from common.errors import ConfigError
from common.tables import comparison, load_table

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


def test_a_row_may_have_a_baseline_of_its_own(tmp_path):
    path = tmp_path / "toys.py"
    path.write_text(
        TABLE.replace("dict(name='quoted'", "dict(name='wide KD', config='w.py', baseline='BPKD'), dict(name='quoted'")
    )
    gains = shown(
        load_table(path), results(**{"student alone": [50.0, 51.0], "BPKD": [70.0, 71.0], "wide KD": [72.0, 73.0]})
    )[1]
    assert gains[1] == ["wide KD (against BPKD)", "+2.00 (gain)"]
    path.write_text(TABLE.replace("dict(name='quoted'", "dict(name='quoted', baseline='BKPD'"))
    with pytest.raises(ConfigError, match="no row 'BKPD'; did you mean 'BPKD'"):
        load_table(path)


def test_one_seed_has_no_spread_to_judge_by(table):
    gains = shown(table, results(**{"student alone": [70.0], "BPKD": [75.0]}))[1]
    assert gains == [["BPKD", "+5.00 (spread unknown)"]]


def test_the_teacher_is_not_compared_with_its_student(table):
    assert len(comparison(table, results(teacher=[80.0], **{"student alone": [70.0, 71.0]}))) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("split =", "splitt =", "unknown key 'splitt' in toys.py; did you mean 'split'"),
        ("config='s.py'", "confg='s.py'", "unknown key 'confg'"),
        ("teacher='teacher'", "teacher='techer'", "no row 'techer'; did you mean 'teacher'"),
        ("teacher='teacher'", "teacher='quoted'", "'BPKD' expects a teacher with a config and seeds .* 'quoted'"),
        ("paper=dict(mIoU=78.59)", "start='student'", "no row 'student'; did you mean 'student alone'"),
        ("paper=dict(mIoU=78.59)", "start='teacher'", "'BPKD' expects to start with 'teacher' .* without seed 1"),
        ("paper=dict(mIoU=78.59)", "start='quoted'", "'BPKD' expects to start with 'quoted' .* without seed 0, 1"),
        ("paper=dict(mIoU=78.59)", "start='BPKD'", "found 'BPKD' to need itself"),
        ("config='s.py',", "config='s.py', teachers=dict(a='student alone'),", "found 'student alone' to need itself"),
    ],
)
def test_unknown_keys_and_rows_are_errors(tmp_path, old, new, message):
    path = tmp_path / "toys.py"
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        load_table(path)


def test_rows_that_need_each_other_are_errors(tmp_path):
    path = tmp_path / "toys.py"
    text = TABLE.replace("paper=dict(mIoU=78.59)", "start='student alone'")
    path.write_text(text)
    assert load_table(path).row("BPKD").needs == ("teacher", "student alone")
    path.write_text(text.replace("config='s.py',", "config='s.py', start='BPKD',"))
    with pytest.raises(ConfigError, match="expected rows in some order but found"):
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
