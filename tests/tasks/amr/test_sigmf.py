"""SigMF metadata: what is read of them, refused in them and added to them."""

import io
import json
import math

import pytest

from common.errors import DataError
from tasks.amr.sigmf import AnnotationWriter, read_sigmf

TYPES = dict.fromkeys(("cf32_le", "ci16_le"))
GLOBAL = {"core:datatype": "cf32_le", "core:sample_rate": 1e6, "core:version": "1.2.0"}


def recording(folder, content, data=b"\0" * 8):
    (folder / "a.sigmf-meta").write_text(content if isinstance(content, str) else json.dumps(content))
    if data is not None:
        (folder / "a.sigmf-data").write_bytes(data)
    return folder / "a.sigmf-meta"


def test_metadata_are_read(tmp_path):
    found = read_sigmf(recording(tmp_path, {"global": {**GLOBAL, "core:offset": 4}, "captures": []}), TYPES)
    assert (found.datatype, found.sample_rate, found.offset) == ("cf32_le", 1e6, 4)
    assert found.data == tmp_path / "a.sigmf-data"
    assert found.content["annotations"] == []


def test_frequency_is_that_of_the_capture_in_which_a_sample_lies(tmp_path):
    captures = [
        {"core:sample_start": 0, "core:frequency": 100e6},
        {"core:sample_start": 50},
        {"core:sample_start": 90, "core:frequency": 90e6},
    ]
    found = read_sigmf(recording(tmp_path, {"global": GLOBAL, "captures": captures}), TYPES)
    assert [found.frequency(sample) for sample in (0, 49, 50, 90, 1000)] == [100e6, 100e6, None, 90e6, 90e6]


def test_metadata_can_be_had_with_another_sample_rate(tmp_path):
    content = {"global": {**GLOBAL, "own:key": 1}, "captures": [{"core:sample_start": 0}], "x": 2}
    found = read_sigmf(recording(tmp_path, content), TYPES)
    other = found.content_at(2e6)
    assert other["global"] == {**content["global"], "core:sample_rate": 2e6}
    assert {**other, "global": content["global"]} == {**content, "annotations": []}
    assert found.content_at(1e6) == found.content == {**content, "annotations": []}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not JSON", "is not JSON"),
        ("[1]", "object 'global'"),
        ({"captures": []}, "object 'global'"),
        ({"global": {}}, "core:datatype cf32_le, ci16_le but found None"),
        ({"global": {**GLOBAL, "core:datatype": "ri16_le"}}, "found 'ri16_le' .*did you mean 'ci16_le'"),
        ({"global": {**GLOBAL, "core:datatype": "cf64_le"}}, "found 'cf64_le'"),
        ({"global": {**GLOBAL, "core:datatype": 5}}, "found 5"),
        ({"global": {**GLOBAL, "core:num_channels": 2}}, "one channel but found core:num_channels 2"),
        ({"global": {**GLOBAL, "core:metadata_only": True}}, "metadata_only"),
        ({"global": {**GLOBAL, "core:dataset": "a.bin"}}, "found core:dataset"),
        ({"global": {**GLOBAL, "core:trailing_bytes": 4}}, "found core:trailing_bytes"),
        ({"global": GLOBAL, "captures": [{"core:sample_start": 0, "core:header_bytes": 4}]}, "core:header_bytes"),
        ({"global": {**GLOBAL, "core:sample_rate": "1 MHz"}}, "positive core:sample_rate but found '1 MHz'"),
        ({"global": {**GLOBAL, "core:sample_rate": 0}}, "positive core:sample_rate but found 0"),
        ({"global": GLOBAL, "annotations": {}}, "list of objects as 'annotations'"),
        ({"global": {**GLOBAL, "core:datatype": ["cf32_le"]}}, r"found \['cf32_le'\]"),
        ({"global": {**GLOBAL, "core:num_channels": "1"}}, "one channel but found core:num_channels '1'"),
        ({"global": {**GLOBAL, "core:sample_rate": 10**400}}, "positive core:sample_rate but found 1000"),
        ({"global": {**GLOBAL, "core:sample_rate": math.nan}}, "positive core:sample_rate but found nan"),
    ],
)
def test_metadata_that_cannot_be_used_are_named(tmp_path, content, message):
    path = recording(tmp_path, content)
    with pytest.raises(DataError, match=message) as caught:
        read_sigmf(path, TYPES)
    assert str(path) in str(caught.value)


NO_NUMBERS = ("0", None, math.nan, math.inf, 10**400, True, [0])
NO_COUNTS = (*NO_NUMBERS, -1, 0.5)


@pytest.mark.parametrize(
    ("key", "part", "where", "value"),
    [
        *(("core:offset", "global", "global", value) for value in NO_COUNTS),
        *(("core:sample_start", "captures", r"captures\[1\]", value) for value in NO_COUNTS),
        *(("core:sample_start", "annotations", r"annotations\[1\]", value) for value in NO_COUNTS),
        *(("core:frequency", "captures", r"captures\[1\]", value) for value in NO_NUMBERS),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_numbers_of_another_kind_are_named_with_their_key(tmp_path, key, part, where, value):
    content = {"global": GLOBAL, part: [{}, {key: value}]} if part != "global" else {"global": {**GLOBAL, key: value}}
    path = recording(tmp_path, content)
    with pytest.raises(DataError, match=rf"as {key} but found .* in {where} of .*a\.sigmf-meta; correct it"):
        read_sigmf(path, TYPES)


def test_whole_numbers_with_a_decimal_point_are_sample_numbers(tmp_path):
    content = {"global": {**GLOBAL, "core:offset": 4.0}, "captures": [{"core:sample_start": 0.0}]}
    found = read_sigmf(recording(tmp_path, content), TYPES)
    assert (found.offset, type(found.offset)) == (4, int)


def test_missing_files_are_named(tmp_path):
    path = recording(tmp_path, {"global": GLOBAL}, data=None)
    with pytest.raises(DataError, match=r"at .*a\.sigmf-data but found no file"):
        read_sigmf(path, TYPES)
    path.rename(tmp_path / "b.sigmf-meta")
    (tmp_path / "a.sigmf-data").touch()
    with pytest.raises(DataError, match=r"metadata of the recording at .*a\.sigmf-meta"):
        read_sigmf(tmp_path / "a.sigmf-data", TYPES)


def annotated(content, starts, generator="net"):
    file = io.StringIO()
    writer = AnnotationWriter(file, content, generator)
    for start in starts:
        writer.add({"core:sample_start": start, "core:sample_count": 5, "core:label": "QPSK"})
    writer.close()
    return json.loads(file.getvalue())


def test_annotations_are_merged_in_order_and_all_else_is_kept():
    theirs = [{"core:sample_start": start, "core:label": "übrig", "own:key": [1]} for start in (70, 5, 30)]
    content = {"global": {**GLOBAL, "own:text": "naïve\n"}, "captures": [{"core:sample_start": 0}], "x": {"y": 1}}
    found = annotated({**content, "annotations": theirs}, (0, 10, 60))
    assert {key: found[key] for key in content} == content
    assert [entry["core:sample_start"] for entry in found["annotations"]] == [0, 5, 10, 30, 60, 70]
    assert [found["annotations"][place] for place in (5, 1, 3)] == theirs
    assert found["annotations"][0]["core:generator"] == "net"


def test_second_run_replaces_its_own_annotations_alone():
    content = {"global": GLOBAL, "captures": [], "annotations": []}
    first = annotated(annotated(content, (1, 2)), (7,), "another net")
    second = annotated(first, (3,))
    told = [(entry["core:sample_start"], entry["core:generator"]) for entry in second["annotations"]]
    assert told == [(3, "net"), (7, "another net")]


def test_nothing_found_leaves_valid_metadata():
    content = {"global": GLOBAL, "captures": [], "annotations": []}
    assert annotated(content, ()) == content
