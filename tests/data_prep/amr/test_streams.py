"""Random numbers of each frame's own."""

import numpy as np

from data_prep.amr.streams import FrameStreams


def test_numbers_of_a_frame_do_not_depend_on_its_company():
    together = FrameStreams(5, "QPSK", -4, range(6))
    alone = FrameStreams(5, "QPSK", -4, [4])
    for draw in ("uniform", "normal", "integers"):
        arguments = {"uniform": (0, 1, 3), "normal": (3,), "integers": (100, 3)}[draw]
        np.testing.assert_array_equal(getattr(together, draw)(*arguments)[4:5], getattr(alone, draw)(*arguments))


def test_seed_modulation_label_and_number_each_make_other_numbers():
    keys = [(5, "QPSK", 2, 4), (6, "QPSK", 2, 4), (5, "BPSK", 2, 4), (5, "QPSK", -2, 4), (5, "QPSK", 2, 5)]
    draws = {FrameStreams(seed, mod, snr, [number]).normal().item() for seed, mod, snr, number in keys}
    assert len(draws) == len(keys)


def test_part_of_the_streams_goes_on_where_the_whole_would():
    whole, again = (FrameStreams(5, "QPSK", -4, range(6)) for _ in range(2))
    np.testing.assert_array_equal(whole.normal(2), again.normal(2))
    part = again.of([1, 5])
    assert len(part) == 2
    np.testing.assert_array_equal(part.normal(7), whole.normal(7)[[1, 5]])


def test_draws_have_their_shape_and_range():
    streams = FrameStreams(0, "QPSK", 0, range(500))
    uniform = streams.uniform(-2, 6, 4)
    assert uniform.shape == (500, 4)
    assert -2 <= uniform.min() < -1.9 < 5.9 < uniform.max() < 6
    assert set(streams.integers(3, 2).ravel().tolist()) == {0, 1, 2}
    assert abs(streams.normal(20).std() - 1) < 0.03
