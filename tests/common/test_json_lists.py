import json

import pytest

from common.errors import DataError
from common.json_lists import open_list


def test_a_list_stands_between_what_comes_first_and_last(tmp_path):
    path = tmp_path / "rows.json"
    with open_list(path, "frames") as rows:
        rows.start({"width": 3, "name": "été"})
        rows.add({"frame": 0})
        rows.add([1, 2])
        rows.end({"summary": {"frames": 2}, "notes": []})
    expected = {"width": 3, "name": "été", "frames": [{"frame": 0}, [1, 2]], "summary": {"frames": 2}, "notes": []}
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == expected
    assert list(json.loads(text)) == list(expected)
    assert '\n    {"frame": 0},\n    [1, 2]\n  ],' in text  # a row is a line


@pytest.mark.parametrize("rows", [[], [5]])
def test_a_list_may_come_last_and_be_empty(tmp_path, rows):
    with open_list(tmp_path / "rows.json", "rows") as listing:
        listing.start({"a": 1})
        for row in rows:
            listing.add(row)
        listing.end()
    assert json.loads((tmp_path / "rows.json").read_text()) == {"a": 1, "rows": rows}


def test_an_error_leaves_no_file(tmp_path):
    def stop():
        with open_list(tmp_path / "rows.json", "rows") as rows:
            rows.start({"a": 1})
            raise KeyError

    with pytest.raises(KeyError):
        stop()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    message = r"expected to write .*rows\.json but found"
    with pytest.raises(DataError, match=message), open_list(tmp_path / "file" / "rows.json", "rows"):
        pass
