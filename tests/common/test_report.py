import csv
import io
import json
import math
import re

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from common.report import (
    Picture,
    Section,
    Table,
    difference_table,
    gain_cell,
    line_plot,
    mean_and_spread,
    origin_section,
    scatter_plot,
    track,
    verdict,
    write_html,
    write_json,
    write_png,
    write_text,
)


@pytest.fixture
def table():
    return Table("IoU <percent>", ["class", "plain", "n"], [["Sky|Cloud", 1 / 3, 7], ["Pole, thin", math.nan, None]])


def test_table_in_markdown_rounds_numbers_and_escapes_bars(table):
    assert table.markdown().splitlines() == [
        "**IoU <percent>**",
        "",
        "| class | plain | n |",
        "|---|---:|---:|",
        "| Sky\\|Cloud | 0.33 | 7 |",
        "| Pole, thin | - | - |",
    ]


def test_table_in_csv_keeps_all_decimals_and_leaves_unknown_cells_empty(table):
    rows = list(csv.reader(io.StringIO(table.csv())))
    assert rows[0] == ["class", "plain", "n"]
    assert rows[1][0] == "Sky|Cloud"
    assert float(rows[1][1]) == 1 / 3
    assert rows[2] == ["Pole, thin", "", ""]


def test_table_in_terminal_shows_square_brackets_as_they_are():
    stream = io.StringIO()
    Table("scores [%]", ["name [a]", "x"], [["[bold]", 2.0]]).print(Console(file=stream, width=80))
    assert all(text in stream.getvalue() for text in ("scores [%]", "name [a]", "[bold]", "2.00"))


def test_table_in_a_file_is_as_wide_as_it_is():
    stream = io.StringIO()
    row = ["first", *["0.12 to 0.34"] * 12]
    Table("a title", ["class", *["a column's heading"] * 12], [row]).print(Console(file=stream, width=80))
    title, heading, _, values = [line for line in stream.getvalue().splitlines() if line.strip()]
    assert title.strip() == "a title"
    assert heading.count("a column's heading") == values.count("0.12 to 0.34") == 12


def test_table_refuses_a_row_of_another_length():
    with pytest.raises(ValueError, match="expected 2 cells but found 1"):
        Table("t", ["a", "b"], [["x"]])


@pytest.mark.parametrize(
    ("gain", "spreads", "expected"),
    [
        (0.5, [0.4, 0.3], "gain"),
        (0.4, [0.4, 0.3], "no gain"),
        (0.35, [0.3, 0.4], "no gain"),
        (-0.35, [0.3, 0.4], "no gain"),
        (-0.5, [0.4, 0.3], "loss"),
        (5.0, [0.4, math.nan], "spread unknown"),
        (5.0, [], "spread unknown"),
    ],
)
def test_verdict_calls_nothing_within_the_largest_spread_a_gain(gain, spreads, expected):
    assert verdict(gain, spreads) == expected


def test_write_json_turns_array_types_into_numbers_and_nan_into_null(tmp_path):
    value = {"iou": np.array([1.5, np.nan]), 3: np.int64(2), "path": tmp_path, "f": float("inf"), "name": "Straße"}
    write_json(tmp_path / "new" / "a.json", value)
    text = (tmp_path / "new" / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"iou": [1.5, None], "3": 2, "path": str(tmp_path), "f": None, "name": "Straße"}
    assert "Straße" in text


def test_failed_write_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path):
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"x": object()})
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a.json", "\ud800")
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_write_png_keeps_every_value_of_8_and_16_bit_pictures(tmp_path):
    for name, dtype in (("a.png", np.uint8), ("b.png", np.uint16)):
        labels = np.arange(200, 256, dtype=dtype).reshape(7, 8) * (1 if dtype is np.uint8 else 200)
        write_png(tmp_path / name, labels)
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / name)), labels)


def test_scatter_plot_has_a_point_and_a_whisker_for_each(tmp_path):
    scatter_plot({"small": (2.0, [8.0, 9.0]), "large": (20.0, [6.0])}, "ms", "NME", tmp_path / "a.png")
    scatter_plot({"small": (2.0, [8.0, 8.0]), "large": (20.0, [6.0])}, "ms", "NME", tmp_path / "b.png")
    drawn = [np.asarray(Image.open(tmp_path / name)) for name in ("a.png", "b.png")]
    assert drawn[0].shape == drawn[1].shape
    assert (drawn[0] != drawn[1]).any()


def test_line_plot_draws_each_curve_in_its_own_colour(tmp_path):
    curves = {"plain": {1: 30.0, 20: 57.0, 5: 45.0}, "distilled": {1: 33.0, 5: 47.0, 20: 58.0}}
    line_plot(curves, "pixels", "mIoU", tmp_path / "a.png", spreads={"plain": dict.fromkeys((1, 5, 20), 1.0)})
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).reshape(-1, 3).astype(int)
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        assert (np.abs(picture - colour).max(axis=1) <= 2).sum() > 500


def test_line_plot_draws_a_reference_in_grey(tmp_path):
    curves = {"kd": {-20: 9.0, 18: 90.0}}
    grey = []
    for name, reference in (("with", ("chance", {-20: 50.0, 18: 50.0})), ("without", None)):
        line_plot(curves, "dB", "percent", tmp_path / f"{name}.png", reference=reference)
        picture = np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")).reshape(-1, 3).astype(int)
        grey.append((np.abs(picture - 0x55).max(axis=1) <= 2).sum())
    assert grey[0] > grey[1] + 300


@pytest.mark.parametrize(
    ("values", "reference", "options", "text"),
    [
        ([71.0, 73.0], [69.0, 71.0], {}, "+2.00 (gain)"),
        ([71.0, 73.0], [70.0, 72.0], {}, "+1.00 (no gain)"),
        ([4.0, 4.2], [5.0, 5.0], {"less_is_better": True}, "-0.90 (gain)"),
        ([4.0, 4.2], [5.0, 5.0], {"less_is_better": True, "share": True}, "-0.90, -18.0 % (gain)"),
        ([1.0], [0.0], {"share": True}, "+1.00 (spread unknown)"),
        ([], [5.0], {}, None),
        ([5.0], [], {}, None),
    ],
)
def test_a_gain_is_told_with_what_the_spread_of_seeds_lets_one_say(values, reference, options, text):
    assert gain_cell(values, reference, **options) == text


@pytest.mark.parametrize(
    ("values", "text"),
    [([], "-"), ([71.2], "71.20"), ([70.0, 72.0], "71.00 ± 1.41"), (np.array([1.0, 1.0]), "1.00 ± 0.00")],
)
def test_mean_stands_with_the_standard_deviation_of_a_sample(values, text):
    assert mean_and_spread(values) == text


def test_a_table_of_differences_holds_each_network_against_the_first():
    found = difference_table("IoU", "class", ["plain", "kd", "cwd"], {"sky": [40.0, 42.5, 39.0]})
    assert found.columns == ["class", "plain", "kd", "cwd", "kd - plain", "cwd - plain"]
    assert found.rows == [["sky", 40.0, 42.5, 39.0, 2.5, -1.0]]


def test_a_table_of_one_network_has_no_differences():
    assert difference_table("IoU", "class", ["plain"], {"sky": [40.0]}).rows == [["sky", 40.0]]


def test_origin_names_every_nested_value_in_a_row_of_its_own():
    section = origin_section({"commit": None, "versions": {"torch": "2.11"}, "networks": {"kd": {1: {"seed": 0}}}})
    (table,) = section.parts
    assert table.rows == [["commit", "unknown"], ["versions torch", "2.11"], ["networks kd 1 seed", "0"]]


def test_page_embeds_its_pictures_and_fetches_nothing(tmp_path, table):
    write_png(tmp_path / "p.png", np.zeros((4, 4, 3), np.uint8))
    sections = [Section("A & B", ["1 < 2", table, Picture(tmp_path / "p.png", 'the "crop"')])]
    write_html(tmp_path / "index.html", "Report", sections)
    (tmp_path / "p.png").unlink()
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "A &amp; B" in page
    assert "1 &lt; 2" in page
    assert "IoU &lt;percent&gt;" in page
    assert "<td>0.33</td>" in page
    assert len(re.findall(r'src="data:image/png;base64,[A-Za-z0-9+/=]+"', page)) == 1
    assert not re.search(r"(src|href)=\"(?!data:)|https?://|url\(|@import", page)


def test_track_yields_every_item_in_order():
    assert list(track(range(5), "counting [it]")) == [0, 1, 2, 3, 4]
