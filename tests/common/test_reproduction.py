"""What of a table is run, with what, and what is kept of it."""

import json

import pytest

from common.reproduction import Reproduction, RunFailedError
from common.tables import load_table

TABLE = """
title = 'Toys'
protocol = '8 images'
split = 'test'
metrics = ['mIoU']
seeds = [0, 1]
baseline = 'student alone'
rows = [
    dict(name='BPKD', config='b.py', teachers=dict(teacher='teacher')),
    dict(name='teacher', config='t.py', seeds=[0]),
    dict(name='student alone', config='s.py'),
    dict(name='quoted', paper=dict(mIoU=77.0)),
]
"""


@pytest.fixture
def table(tmp_path, monkeypatch):
    """The table and its configs, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in "bts":
        (tmp_path / f"{name}.py").write_text("model = dict(type='Toy')\n")
    path = tmp_path / "toys.py"
    path.write_text(TABLE)
    return load_table(path)


@pytest.fixture
def runs(table, tmp_path, monkeypatch):
    """A reproduction that trains and scores nothing, but leaves files as if it had; `calls` has the commands."""

    def call(self, command, log):
        runs.calls.append(command)
        log.parent.mkdir(parents=True, exist_ok=True)
        (log.parent / "iter_5.pth").touch()
        scores = {"scores": {"mIoU": 3.0}, "provenance": {"commit": "c"}}
        (log.parent / "scores.json").write_text(json.dumps(scores))

    monkeypatch.setattr(Reproduction, "_call", call)
    runs = Reproduction(table, work_dir=tmp_path / "w", results=tmp_path / "r", data_root="d")
    runs.calls = []
    return runs


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


def test_a_run_takes_its_teacher_from_the_teachers_row_and_stores_scores_with_provenance(table, runs):
    runs.run(table.row("teacher"), 0)
    runs.calls.clear()
    runs.run(table.row("BPKD"), 1)
    teacher = runs.run_dir(table.row("teacher"), 0) / "iter_5.pth"
    assert f"model.teachers.teacher.checkpoint={teacher}" in runs.calls[0]
    assert runs.calls[0][runs.calls[0].index("--seed") + 1] == "1"
    assert runs.calls[1][runs.calls[1].index("--split") + 1] == "test"
    stored = json.loads(runs.result_path(table.row("BPKD"), 1).read_text())
    assert (stored["row"], stored["seed"], stored["scores"], stored["provenance"]) == (
        "BPKD",
        1,
        {"mIoU": 3.0},
        {"commit": "c"},
    )


def stored_elsewhere(runs, *cells):
    """Results as a fresh clone has them: without runs."""
    for name, seed in cells:
        path = runs.result_path(runs.table.row(name), seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"scores": {"mIoU": 1.0}}))


CELLS = [("teacher", 0), ("BPKD", 0), ("BPKD", 1), ("student alone", 0), ("student alone", 1)]


def test_a_missing_row_has_its_teacher_trained_again_where_only_the_teachers_result_is_there(runs):
    stored_elsewhere(runs, *(cell for cell in CELLS if cell != ("BPKD", 1)))
    runs.run_missing()
    trained = [command[1] for command in runs.calls if command[0].endswith("train.py")]
    assert trained == ["t.py", "b.py"]
    results = {row: [one["scores"]["mIoU"] for one in found] for row, found in runs.measured().items()}
    assert results == {"teacher": [1.0], "BPKD": [1.0, 3.0], "student alone": [1.0, 1.0]}  # the stored one is kept


def test_a_teacher_that_was_cut_off_is_trained_to_its_end(table, runs):
    stored_elsewhere(runs, *(cell for cell in CELLS if cell != ("BPKD", 1)))
    folder = runs.run_dir(table.row("teacher"), 0)
    folder.mkdir(parents=True)
    (folder / "iter_2.pth").touch()  # and no scores
    assert [(row.name, seed) for row, seed in runs.pending()] == [("teacher", 0), ("BPKD", 1)]


def test_teachers_of_rows_that_are_there_are_not_trained(runs):
    stored_elsewhere(runs, *(cell for cell in CELLS if cell != ("student alone", 1)))
    assert [(row.name, seed) for row, seed in runs.pending()] == [("student alone", 1)]


def names_shown(runs):
    return [row[0] for row in runs.report()[0].rows]


def test_a_row_whose_config_has_changed_is_marked_and_told_how_to_run_again(runs, tmp_path):
    runs.run_missing()
    assert names_shown(runs) == ["BPKD", "teacher", "student alone", "quoted"]
    assert runs.remedies() == []
    (tmp_path / "s.py").write_text("model = dict(type='Toy', width=3)\n")
    assert names_shown(runs) == ["BPKD", "teacher", "student alone (config changed since)", "quoted"]
    (remedy,) = runs.remedies()
    assert "student alone" in remedy
    assert "seeds 0, 1" in remedy
    for path in (
        runs.result_path(runs.table.row("student alone"), 1),
        runs.run_dir(runs.table.row("student alone"), 1),
    ):
        assert str(path) in remedy
    assert runs.missing() == []  # nothing is run again unasked


def test_a_changed_teacher_marks_the_rows_it_taught(runs, tmp_path):
    runs.run_missing()
    (tmp_path / "t.py").write_text("model = dict(type='Toy', width=3)\n")
    marked = [name for name in names_shown(runs) if "changed" in name]
    assert marked == ["BPKD (config changed since)", "teacher (config changed since)"]


def test_results_that_do_not_tell_their_config_are_not_marked(runs):
    stored_elsewhere(runs, *CELLS)
    assert not [name for name in names_shown(runs) if "changed" in name]


@pytest.mark.parametrize(
    "same",
    [
        "model = {'type': 'Toy'}",
        "model = dict(type='Toy')\ndefault_hooks = dict(logger=dict(interval=3))",
        "model = dict(type='Toy')\nwork_dir = 'elsewhere'",
    ],
)
def test_what_trains_the_same_network_is_no_change(runs, tmp_path, same):
    runs.run_missing()
    (tmp_path / "s.py").write_text(same + "\n")
    assert runs.remedies() == []


def test_a_run_is_not_resumed_with_another_config(table, runs, tmp_path):
    runs.run(table.row("student alone"), 0)
    runs.result_path(table.row("student alone"), 0).unlink()
    (tmp_path / "s.py").write_text("model = dict(type='Toy', width=3)\n")
    with pytest.raises(RunFailedError, match=r"was started with another config.*; delete .*student_alone_seed0"):
        runs.run(table.row("student alone"), 0)


def test_a_missing_teacher_names_the_row_that_trains_it(table, tmp_path):
    with pytest.raises(RunFailedError, match="needs the checkpoint of row 'teacher'"):
        Reproduction(table, work_dir=tmp_path, results=tmp_path).run(table.row("BPKD"), 0)


def test_a_failed_run_shows_the_end_of_its_log_and_stores_nothing(table, tmp_path):
    runs = Reproduction(table, work_dir=tmp_path / "w", results=tmp_path / "r")
    with pytest.raises(RunFailedError, match=r"expected task .* in s\.py"):
        runs.run(table.row("student alone"), 0)
    assert not (tmp_path / "r").exists()


STARTING = TABLE.replace(
    "dict(name='quoted'",
    "dict(name='warm', config='b.py', teachers=dict(teacher='teacher'), start='student alone'), dict(name='quoted'",
)


@pytest.fixture
def warm(runs, tmp_path):
    """The reproduction, with a row that starts from the student's."""
    path = tmp_path / "warm.py"
    path.write_text(STARTING)
    runs.table = load_table(path)
    return runs


def test_a_row_starts_from_the_checkpoint_of_its_own_seed(warm):
    warm.run(warm.table.row("teacher"), 0)
    warm.run(warm.table.row("student alone"), 0)
    warm.run(warm.table.row("student alone"), 1)
    warm.calls.clear()
    warm.run(warm.table.row("warm"), 1)
    training, scoring = warm.calls
    assert f"model.start={warm.run_dir(warm.table.row('student alone'), 1) / 'iter_5.pth'}" in training
    assert f"model.teachers.teacher.checkpoint={warm.run_dir(warm.table.row('teacher'), 0) / 'iter_5.pth'}" in training
    assert not [word for word in scoring if "model." in word]


def test_what_a_row_starts_from_runs_before_it(warm):
    warm.run_missing()
    trained = [command[1] for command in warm.calls if command[0].endswith("train.py")]
    assert sorted(trained[:3]) == ["s.py", "s.py", "t.py"]
    assert trained[3:] == ["b.py"] * 4


def test_a_missing_row_has_the_seed_that_it_starts_from_trained_again(warm):
    stored_elsewhere(warm, *CELLS, ("warm", 0))
    assert [(row.name, seed) for row, seed in warm.pending()] == [("teacher", 0), ("student alone", 1), ("warm", 1)]


def test_what_a_needed_row_needs_is_trained_too(runs, tmp_path):
    path = tmp_path / "chain.py"
    path.write_text(STARTING.replace("start='student alone'", "start='BPKD'"))
    runs.table = load_table(path)
    stored_elsewhere(runs, *CELLS, ("warm", 0))
    runs.run_missing()
    folders = [command[command.index("--work-dir") + 1] for command in runs.calls if "--work-dir" in command]
    assert [folder.rsplit("/", 1)[1] for folder in folders] == ["teacher_seed0", "bpkd_seed1", "warm_seed1"]


def test_a_missing_start_names_the_row_that_trains_it(warm):
    warm.run(warm.table.row("teacher"), 0)
    with pytest.raises(RunFailedError, match=r"needs the checkpoint of row 'student alone' in .*student_alone_seed1"):
        warm.run(warm.table.row("warm"), 1)


def test_a_changed_start_marks_the_rows_that_started_from_it(warm, tmp_path):
    warm.run_missing()
    (tmp_path / "s.py").write_text("model = dict(type='Toy', width=3)\n")
    marked = [name for name in names_shown(warm) if "changed" in name]
    assert marked == ["student alone (config changed since)", "warm (config changed since)"]


def test_a_row_that_starts_nowhere_has_the_hash_it_had(warm, table):
    before = Reproduction(table)
    for row in table.rows[:3]:
        assert warm.config_hash(warm.table.row(row.name)) == before.config_hash(row)
    assert warm.config_hash(warm.table.row("warm")) != warm.config_hash(warm.table.row("BPKD"))
