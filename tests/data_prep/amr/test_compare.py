"""Two sets beside each other, and the generator beside GNU Radio's own frames."""

import json
from dataclasses import replace

import numpy as np
import pytest

from common.errors import DataError
from data_prep.amr.compare import at_equal_places, compare, main
from data_prep.amr.frames import frame_starts, make_frames
from data_prep.amr.generate import generate
from data_prep.amr.measure import bandwidth, envelope_spread, power_spectrum, spectrum_differences
from data_prep.amr.reading import Cell, read_cells
from data_prep.amr.recipe import Extent, make_recipe


def as_frames(signal):
    return np.stack([signal.real, signal.imag], axis=1).astype(np.float32)


def white(frames, length=128):
    rng = np.random.default_rng(0)
    return (rng.normal(size=(frames, length)) + 1j * rng.normal(size=(frames, length))) / np.sqrt(2)


@pytest.fixture(scope="module")
def two_sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    for name, seed in (("a.pkl", 0), ("b.h5", 1)):
        generate(folder / name, make_recipe("clean"), Extent(("QPSK", "GFSK"), (0, 20), 40, seed), workers=1)
    return folder


def test_command_prints_a_table_and_writes_it_with_a_picture_and_every_figure(two_sets, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    assert main([str(two_sets / "a.pkl"), str(two_sets / "b.h5"), "--out", str(picture)]) == 0
    printed = capsys.readouterr().out
    table = (tmp_path / "picture.md").read_text()
    for mod in ("QPSK", "GFSK"):
        assert mod in printed
        assert f"| {mod} |" in table
    assert picture.read_bytes().startswith(b"\x89PNG")
    figures = json.loads((tmp_path / "picture.json").read_text())
    assert figures["labels"] == [0, 20]
    assert figures["snr"] == "estimated"
    assert figures["classes"]["GFSK"]["envelope_frames"] == [40, 40]
    assert "envelopes: 0 of 2 pairs differ by a Kolmogorov-Smirnov test at 5 %" in printed
    assert len(figures["classes"]["QPSK"]["snr_db"][1]) == 2
    assert str(tmp_path.parent) not in json.dumps(figures)


def test_sets_of_one_recipe_are_alike_and_a_wider_signal_is_seen(two_sets):
    a, b = (read_cells(two_sets / name) for name in ("a.pkl", "b.h5"))
    comparison = compare(a, [b])
    assert comparison.snrs == [0, 20]
    for (pair,) in comparison.pairs.values():
        assert spectrum_differences(pair.a.spectrum, pair.b.spectrum, 10).max() < 3
        np.testing.assert_allclose(pair.snr_differences, 0, atol=1.5)
    wide = {key: Cell(make_frames(make_recipe("clean", sps=4), 0, *key, range(40))[0]) for key in b}
    figures = compare(a, [wide]).pairs["QPSK"][0].figures()
    assert figures["bandwidth_b"] > 1.7 * figures["bandwidth_a"]
    # the wider one has a plateau where the other has noise alone
    assert figures["spectra_most_db"] > 15 > figures["spectra_mean_db"] > 5


def test_true_snr_is_used_where_both_sets_tell_it(two_sets):
    cells = read_cells(two_sets / "b.h5")
    comparison = compare(cells, [cells])
    assert comparison.how == "true"
    np.testing.assert_allclose(comparison.pairs["QPSK"][0].a.snr, [0, 20], atol=0.2)
    shifted, less = ({key: Cell(cell.frames, cell.measured - shift) for key, cell in cells.items()} for shift in (3, 1))
    row = compare(cells, [shifted]).table().rows[0]
    assert row[-3:] == ["-3.00", "-3.00", "-3.00"]
    row = compare(cells, [shifted, less]).table().rows[0]
    assert row[-3:] == ["-3.00 to -1.00"] * 3


def test_class_without_a_signal_has_no_difference_of_snr():
    frames = as_frames(white(20))
    cells = {("AM-SSB", snr): Cell(frames, np.full(20, -np.inf)) for snr in (0, 2)}
    comparison = compare(cells, [cells])
    assert comparison.table().rows[0][-3:] == [None, None, None]
    assert comparison.as_json()["classes"]["AM-SSB"]["snr_db"] == [[None, None], [None, None]]


def test_sets_that_cannot_be_compared_are_refused(two_sets):
    a = read_cells(two_sets / "a.pkl")
    with pytest.raises(DataError, match="modulation and an SNR label in common"):
        compare(a, [{("BPSK", 0): Cell(as_frames(white(2)))}])
    with pytest.raises(DataError, match="same length but found 128 and 64 samples"):
        compare(a, [a, {("QPSK", 0): Cell(as_frames(white(2, 64)))}])
    partial = {key: cell for key, cell in a.items() if key != ("GFSK", 20)}
    with pytest.raises(DataError, match="found none of GFSK at 20"):
        compare(a, [partial])


def test_mistakes_on_the_command_line_end_with_one_message(two_sets, tmp_path, capsys):
    a = str(two_sets / "a.pkl")
    assert main([a, str(tmp_path / "none.pkl")]) == 2
    assert "found no file" in capsys.readouterr().err
    assert main([a, a, "--out", str(tmp_path / "table.md")]) == 2
    assert "expected a picture named *.png but found" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def as_gnu_radio():
    """The procedure as GNU Radio 3.10 runs it: its noise power, and a pre-emphasis that works."""
    return make_recipe("rml2016", doubled_noise=False, pre_emphasis=True)


@pytest.fixture
def gnu_radio(shared_data):
    folder = shared_data / "rml2016_gnuradio"
    if not folder.is_dir():
        pytest.skip(f"no GNU Radio frames in {folder}")
    return folder


STRONG = (10, 12, 14, 16, 18)
CARRYING = ("8PSK", "AM-DSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM")


@pytest.mark.parametrize("mod", [*CARRYING, "AM-SSB"])
def test_spectra_and_envelopes_are_those_of_gnu_radio(gnu_radio, as_gnu_radio, mod):
    cells = read_cells(gnu_radio / "RML2016.10a_gnuradio.pkl")
    theirs = np.concatenate([cells[mod, snr].frames for snr in STRONG])
    ours = np.concatenate([make_frames(as_gnu_radio, 0, mod, snr, range(150))[0] for snr in STRONG])
    spectra = power_spectrum(theirs), power_spectrum(ours)
    # WBFM's spectrum is that of its audio, and theirs holds ten pieces of speech
    assert spectrum_differences(*spectra, depth_db=15).max() < (5.0 if mod == "WBFM" else 1.8)
    assert bandwidth(spectra[1], 0.95) == pytest.approx(bandwidth(spectra[0], 0.95), rel=0.1)
    quantiles = [np.quantile(envelope_spread(frames), (0.25, 0.5, 0.75)) for frames in (theirs, ours)]
    np.testing.assert_allclose(quantiles[1], quantiles[0], rtol=0.1, atol=0.01)


@pytest.mark.parametrize("mod", CARRYING)
def test_snr_of_each_label_is_that_of_gnu_radio(gnu_radio, as_gnu_radio, mod):
    theirs = read_cells(gnu_radio / "RML2016.10a_gnuradio.pkl")
    for label in (-20, 0, 18):
        frames, measured = make_frames(as_gnu_radio, 0, mod, label, range(2000))
        ours = Cell(frames, measured, frame_starts(as_gnu_radio, 0, mod, label, range(2000)))
        assert at_equal_places(theirs[mod, label], ours) == pytest.approx(0, abs=0.5)


def placed(starts, measured):
    return Cell(np.zeros((len(starts), 2, 8), np.float32), np.array(measured, float), np.array(starts))


def test_frames_are_held_against_the_nearest_in_the_run():
    a = placed([100, 1000, 2000, 3000], [99, 10, 20, 30])
    b = placed([3100, 1040, 900, 2090, 100], [33, 11, 5, 22, 0])
    assert at_equal_places(a, b) == 2  # 1, 2 and 3; the frame at 100 is in the start-up
    assert np.isnan(at_equal_places(placed([100, 800], [1, 2]), b))


def test_snr_is_compared_at_equal_places_where_all_sets_tell_them(tmp_path):
    extent = Extent(("QPSK", "AM-SSB"), (0, 10), 60)
    for name, seed in (("a.pkl", 0), ("b.h5", 1), ("c.h5", 2)):
        generate(tmp_path / name, make_recipe("rml2016"), replace(extent, seed=seed), workers=1)
    b, c = (read_cells(tmp_path / name) for name in ("b.h5", "c.h5"))
    comparison = compare(b, [c])
    assert comparison.how == "true, at equal places of a run"
    assert abs(comparison.pairs["QPSK"][0].snr_differences).max() < 0.5
    assert np.isnan(comparison.pairs["AM-SSB"][0].snr_differences).all()
    assert compare(b, [read_cells(tmp_path / "a.pkl")]).how == "estimated"
