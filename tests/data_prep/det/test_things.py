"""Outlines against geometry, and the handwriting of parts."""

import numpy as np
import pytest

from data_prep.det.things import CLASSES, DISTRACTORS, coverage_of, digit_images, paint, pattern
from data_prep.noise import noise_tile

SIDE = 80


def covered(kind, seed=0):
    return coverage_of(np.random.default_rng(seed), kind, SIDE, digit_images("train"))


@pytest.mark.parametrize("kind", [*CLASSES, *DISTRACTORS])
@pytest.mark.parametrize("seed", range(4))
def test_things_reach_two_sides_of_their_square_and_do_not_leave_it(kind, seed):
    coverage = covered(kind, seed)
    assert coverage.shape == (SIDE, SIDE)
    assert coverage.min() >= 0
    assert coverage.max() <= 1
    rows, columns = np.nonzero(coverage > 0.5)
    extent = max(np.ptp(rows), np.ptp(columns)) + 1
    assert 0.7 * SIDE < extent <= SIDE


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("disc", 0.75, 1.0),  # an ellipse with axes 1 and 0.75 to 1
        ("ring", 0.75 * (1 - 0.72**2), 1 - 0.5**2),
        ("star", 10 * 0.5 * 0.4 * np.sin(np.pi / 5) / np.pi, 10 * 0.5 * 0.52 * np.sin(np.pi / 5) / np.pi),
        # An inscribed rectangle of sides a : 1 has 4 a / (1 + a^2), a square 2.
        ("rectangle", 4 * 0.55 / (1 + 0.55**2) / np.pi, 2 / np.pi),
        ("triangle", 0.2, 3**0.5 * 0.75 / np.pi),  # an equilateral one is the largest
    ],
)
def test_areas_are_those_of_the_figures_in_a_circle(kind, least, most):
    circle = np.pi * (0.49 * SIDE) ** 2
    areas = [covered(kind, seed).sum() / circle for seed in range(40)]
    assert least - 0.03 < min(areas)
    assert max(areas) < most + 0.03


def test_ring_has_a_hole_and_disc_has_none():
    middle = slice(SIDE // 2 - 3, SIDE // 2 + 3)
    for seed in range(10):
        assert covered("ring", seed)[middle, middle].max() == 0
        assert covered("disc", seed)[middle, middle].min() == 1


def test_digits_of_parts_differ_and_are_all_of_the_set_but_noughts():
    parts = [digit_images(part) for part in ("train", "val", "test")]
    assert sum(map(len, parts)) == 1797 - 178  # scikit-learn's digits and the noughts among them
    written = [{image.tobytes() for image in part} for part in parts]
    assert not written[0] & written[1]
    assert not (written[0] | written[1]) & written[2]
    assert all(image.shape == (8, 8) and image.min() == 0 and image.max() <= 1 for image in parts[0])


def test_paint_stands_out_from_what_is_beneath():
    rng = np.random.default_rng(0)
    tile = noise_tile(rng)
    beneath = np.array([120.0, 120, 120])
    distances = []
    for _ in range(60):
        sprite = paint(rng, np.ones((20, 20), np.float32), beneath, tile, 0.0)
        assert sprite.colours.min() >= 0
        assert sprite.colours.max() <= 255
        distances.append(np.abs(sprite.colours.mean(axis=(0, 1)) - beneath).sum())
    assert np.mean(distances) > 100


@pytest.mark.parametrize("kind", ["plain", "gradient", "stripes", "checks", "dots", "clouds"])
def test_patterns_mix_two_colours(kind):
    rng = np.random.default_rng(1)
    mixed = pattern(rng, kind, 64, noise_tile(rng))
    assert mixed.shape == (64, 64)
    assert mixed.dtype == np.float32
    assert 0 <= mixed.min() <= mixed.max() <= 1
    assert (mixed.std() > 0.1) == (kind != "plain")
