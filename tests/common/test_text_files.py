import numpy as np
import pytest

from common.errors import DataError
from common.text_files import as_numbers, read_json, read_text, read_xml


def write(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    return tmp_path / "a.txt"


def test_text_is_read_without_its_byte_order_mark(tmp_path):
    assert read_text(write(tmp_path, b"\xef\xbb\xbfab\xff"), "notes") == "ab�"


@pytest.mark.parametrize("read", [read_text, read_json, read_xml])
def test_missing_file_is_named(tmp_path, read):
    with pytest.raises(DataError, match=r"expected notes at .*none\.txt but found: No such file"):
        read(tmp_path / "none.txt", "notes")


def test_json_is_read(tmp_path):
    assert read_json(write(tmp_path, b'{"a": [1, 2.5]}'), "notes") == {"a": [1, 2.5]}


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000])
def test_damaged_json_is_named(tmp_path, content):
    with pytest.raises(DataError, match=r"expected JSON in .*a\.txt but found"):
        read_json(write(tmp_path, content), "notes")


def test_xml_is_read(tmp_path):
    content = '<?xml version="1.0" encoding="latin-1"?><a><b>é</b></a>'
    assert read_xml(write(tmp_path, content.encode("latin-1")), "notes").findtext("b") == "é"


@pytest.mark.parametrize("content", [b"", b"<a>", b"<a>\xff</a>", b'<?xml version="1.0" encoding="none"?><a/>'])
def test_damaged_xml_is_named(tmp_path, content):
    with pytest.raises(DataError, match=r"expected XML but found: .* in .*a\.txt"):
        read_xml(write(tmp_path, content), "notes")


def test_xml_with_a_document_type_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"document type in .*a\.txt; remove it"):
        read_xml(write(tmp_path, b'<!doctype a [<!ENTITY b "c">]><a>&b;</a>'), "notes")


def test_numbers_are_read(tmp_path):
    np.testing.assert_array_equal(as_numbers(["1", "-2.5", " 3e2 "], "a line"), [1, -2.5, 300])


@pytest.mark.parametrize("field", ["", "a", "nan", "inf"])
def test_text_that_is_no_finite_number_is_named_with_its_place(field):
    with pytest.raises(DataError, match=rf"found '{field}' \(number 2 of 3\) in line 4"):
        as_numbers(["1", field, "3"], "line 4")
