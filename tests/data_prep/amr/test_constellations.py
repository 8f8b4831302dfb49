"""Points against the powers and distances that textbooks give."""

import numpy as np
import pytest

from data_prep.amr.constellations import LINEAR, constellation
from data_prep.amr.recipe import MOD_SETS


def smallest_distance(points):
    distance = np.abs(points[:, None] - points[None, :])
    return distance[~np.eye(len(points), dtype=bool)].min()


@pytest.mark.parametrize("mod", LINEAR)
def test_mean_power_is_one(mod):
    assert np.mean(np.abs(constellation(mod)) ** 2) == pytest.approx(1)


@pytest.mark.parametrize(
    ("mod", "power"), [("BPSK", 1), ("8PSK", 1), ("PAM4", 1.25), ("QAM16", 1.1146), ("QAM64", 1.1336)]
)
def test_power_at_mean_amplitude_one_is_that_of_the_published_set(mod, power):
    points = constellation(mod, mean_amplitude=True)
    assert np.abs(points).mean() == pytest.approx(1)
    assert np.mean(np.abs(points) ** 2) == pytest.approx(power, abs=1e-4)


# Mean energy of the odd-integer grids: 2 (M - 1) / 3 for squares; 20 and 82 for the crosses of 32 and 128.
@pytest.mark.parametrize(
    ("mod", "energy"), [("16QAM", 10), ("32QAM", 20), ("64QAM", 42), ("128QAM", 82), ("256QAM", 170)]
)
def test_qam_has_the_distance_of_its_grid(mod, energy):
    assert smallest_distance(constellation(mod)) == pytest.approx(2 / np.sqrt(energy))


@pytest.mark.parametrize(
    ("mod", "rings"),
    [
        ("16APSK", {4: 1, 12: 2.85}),
        ("32APSK", {4: 1, 12: 2.84, 16: 5.27}),
        ("64APSK", {8: 1, 16: 2.2, 20: (3.6, 5.2)}),
        ("128APSK", {8: 1, 16: 2, 24: 3, 32: 4, 48: 5}),
    ],
)
def test_apsk_has_its_rings(mod, rings):
    radii, counts = np.unique(np.abs(constellation(mod)).round(9), return_counts=True)
    found = {}
    for radius, count in zip(radii / radii[0], counts, strict=True):
        found.setdefault(int(count), []).append(radius)
    assert found.keys() == rings.keys()
    for count, radius in rings.items():
        np.testing.assert_allclose(found[count], np.atleast_1d(radius), rtol=1e-6)


def test_psk_points_are_equally_spaced_and_qpsk_lies_on_the_diagonals():
    for mod, order in (("BPSK", 2), ("8PSK", 8), ("16PSK", 16), ("32PSK", 32), ("QPSK", 4)):
        angles = np.sort(np.angle(constellation(mod)))
        np.testing.assert_allclose(np.diff(angles), 2 * np.pi / order)
    np.testing.assert_allclose(np.abs(constellation("QPSK").real), np.sqrt(0.5))


def test_ask_is_not_pam():
    assert (constellation("4ASK").real >= 0).all()
    assert constellation("OOK").tolist() == pytest.approx([0, np.sqrt(2)])
    assert constellation("PAM4").sum() == pytest.approx(0)


def test_both_spellings_name_the_same_points():
    np.testing.assert_array_equal(constellation("QAM16"), constellation("16QAM"))
    np.testing.assert_array_equal(constellation("QAM64"), constellation("64QAM"))


@pytest.mark.parametrize("mod", LINEAR)
def test_number_of_points_is_that_of_the_name(mod):
    digits = "".join(letter for letter in mod if letter.isdigit())
    expected = int(digits) if digits else {"BPSK": 2, "QPSK": 4, "OOK": 2}[mod]
    points = constellation(mod)
    assert len(points) == expected
    assert smallest_distance(points) > 0.05


def test_sets_have_the_classes_of_their_publishers():
    assert [len(MOD_SETS[name]) for name in ("10a", "10b", "2018-digital")] == [11, 10, 19]
    assert list(MOD_SETS["10a"]) == sorted(MOD_SETS["10a"])
    assert set(MOD_SETS["10a"]) - set(MOD_SETS["10b"]) == {"AM-SSB"}
