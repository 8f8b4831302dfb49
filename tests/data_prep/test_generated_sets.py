"""What generators share: sets that are there already, and jobs over several processes."""

import json
import os

import pytest

from common.errors import DataError
from data_prep.output import is_generated, run_jobs

WANTED = {"seed": 0, "size": [64, 48]}


def stored(tmp_path, content):
    (tmp_path / "set.json").write_text(content, encoding="utf-8")
    return tmp_path


def test_nothing_and_an_empty_folder_hold_no_set(tmp_path):
    assert not is_generated(tmp_path, "set.json", WANTED)
    assert not is_generated(tmp_path / "new", "set.json", WANTED)


def test_a_set_with_the_wanted_settings_is_there(tmp_path):
    assert is_generated(stored(tmp_path, json.dumps(WANTED)), "set.json", WANTED)


def test_other_settings_are_named_and_replaced_only_by_force(tmp_path):
    stored(tmp_path, json.dumps({**WANTED, "seed": 5}))
    with pytest.raises(DataError, match=r"found seed 5 \(wanted 0\) in .*set\.json; .*--force"):
        is_generated(tmp_path, "set.json", WANTED)
    assert not is_generated(tmp_path, "set.json", WANTED, force=True)


@pytest.mark.parametrize("content", ["", "[1]", "{}"])
def test_settings_that_cannot_be_read_count_as_others(tmp_path, content):
    with pytest.raises(DataError, match="expected the wanted settings but found seed None"):
        is_generated(stored(tmp_path, content), "set.json", WANTED)


def test_other_files_are_never_replaced(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(DataError, match="found other files in"):
            is_generated(tmp_path, "set.json", WANTED, force)


def test_results_come_in_the_order_of_jobs_from_other_processes():
    found = run_jobs(os.path.basename, ["a/1", "b/2", "c/3"], 2, "names")
    assert found == ["1", "2", "3"]
    assert run_jobs(lambda job: os.getpid(), [1, 2], 1, "here") == [os.getpid()] * 2
    assert run_jobs(os.path.basename, [], 4, "none") == []
