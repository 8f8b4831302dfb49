import numpy as np

from data_prep.noise import grain_of, noise_tile


def test_noise_has_no_mean_and_unit_spread_and_repeats_at_its_edges():
    tile = noise_tile(np.random.default_rng(0), 64, slope=1.5)
    assert tile.shape == (64, 64)
    assert abs(tile.mean()) < 1e-4
    np.testing.assert_allclose(tile.std(), 1, atol=1e-4)
    inner = np.abs(np.diff(tile, axis=0)).mean()
    assert np.abs(tile[0] - tile[-1]).mean() < 1.5 * inner  # as far apart as neighbours, not as strangers


def test_steeper_spectra_are_smoother():
    rough, smooth = (noise_tile(np.random.default_rng(0), 64, slope) for slope in (0.3, 1.8))
    assert np.abs(np.diff(smooth)).mean() < 0.5 * np.abs(np.diff(rough)).mean()


def test_grain_is_a_window_of_the_tile_that_scale_stretches():
    tile = np.arange(16, dtype=np.float32).reshape(4, 4)
    grain = grain_of(np.random.default_rng(0), (6, 4), tile, scale=2.0)[..., 0]
    assert grain.shape == (6, 4)
    np.testing.assert_array_equal(grain[::2], grain[1::2])
    np.testing.assert_array_equal(grain[:, ::2], grain[:, 1::2])
    assert set(grain.ravel()) <= set(tile.ravel())
