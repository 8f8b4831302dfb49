"""Recordings of IQ samples in every layout, and what is wrong with files."""

import io
import json
import os
import re
import signal
import struct
import threading
import wave

import numpy as np
import pytest
from scipy.io import wavfile

from common.errors import ConfigError, DataError
from tasks.amr.iq_files import open_recording

# Representable in every format: multiples of 1/128 within -1..127/128.
SAMPLES = (np.array([0, 64, -128, 127, 1]) + 1j * np.array([-64, 32, 127, -128, -1])) / 128


def all_of(recording, size=1 << 20):
    return np.concatenate(list(recording.blocks(size)))


def interleaved(samples, scale, dtype, zero=0):
    parts = np.stack([samples.real, samples.imag], axis=-1).reshape(-1)
    return np.rint(parts * scale + zero).astype(dtype) if np.dtype(dtype).kind in "iu" else parts.astype(dtype)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("a.cf32", interleaved(SAMPLES, 1, "<f4")),
        ("a.cfile", interleaved(SAMPLES, 1, "<f4")),
        ("a.cs16", interleaved(SAMPLES, 32768, "<i2")),
        ("A.CS8", interleaved(SAMPLES, 128, "i1")),
    ],
)
def test_raw_file_is_read_by_its_suffix(tmp_path, name, stored):
    stored.tofile(tmp_path / name)
    recording = open_recording(tmp_path / name, sample_rate=2e6)
    assert (recording.samples, recording.sample_rate, recording.name) == (5, 2e6, name[0])
    found = all_of(recording)
    assert found.dtype == np.complex64
    np.testing.assert_array_equal(found, SAMPLES)


def test_unsigned_bytes_have_their_zero_between_127_and_128(tmp_path):
    (tmp_path / "a.cu8").write_bytes(bytes([0, 255, 127, 128]))
    found = all_of(open_recording(tmp_path / "a.cu8", sample_rate=1))
    np.testing.assert_allclose(found, [-1 + 1j, (-0.5 + 0.5j) / 127.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("datatype", "stored"),
    [
        ("cf32_be", interleaved(SAMPLES, 1, ">f4")),
        ("ci16_be", interleaved(SAMPLES, 32768, ">i2")),
        ("ci16_le", interleaved(SAMPLES, 32768, "<i2")),
        ("cs16", interleaved(SAMPLES, 32768, "<i2")),
        ("cf32", interleaved(SAMPLES, 1, "<f4")),
        ("ci8", interleaved(SAMPLES, 128, "i1")),
    ],
)
def test_datatype_names_the_layout_of_any_file_and_goes_before_the_suffix(tmp_path, datatype, stored):
    for name in ("a.iq", "a.cu8"):
        stored.tofile(tmp_path / name)
        np.testing.assert_array_equal(all_of(open_recording(tmp_path / name, datatype, 1e6)), SAMPLES)


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "uint8"])
def test_wav_has_i_and_q_in_its_two_channels_and_tells_its_rate(tmp_path, dtype):
    full = {"int16": 2**15, "int32": 2**31, "float32": 1, "uint8": 128}[dtype]
    zero = 128 if dtype == "uint8" else 0
    parts = np.stack([SAMPLES.real, SAMPLES.imag], axis=-1) * full + zero
    wavfile.write(tmp_path / "a.wav", 48000, parts.astype(dtype))
    recording = open_recording(tmp_path / "a.wav")
    assert (recording.samples, recording.sample_rate) == (5, 48000.0)
    np.testing.assert_array_equal(all_of(recording, 2), SAMPLES)


@pytest.mark.parametrize(
    "array",
    [
        SAMPLES.astype(np.complex64),
        SAMPLES.astype(">c16"),
        np.stack([SAMPLES.real, SAMPLES.imag]).astype(np.float32),
        np.stack([SAMPLES.real, SAMPLES.imag], axis=1),
        np.asfortranarray(np.stack([SAMPLES.real, SAMPLES.imag])),
    ],
)
def test_npy_is_complex_or_has_i_and_q_along_either_axis(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    recording = open_recording(tmp_path / "a.npy", sample_rate=1e3)
    assert recording.samples == 5
    np.testing.assert_array_equal(all_of(recording, 3), SAMPLES)


def test_either_file_of_a_sigmf_recording_opens_it(tmp_path):
    interleaved(SAMPLES, 32768, ">i2").tofile(tmp_path / "a.b.sigmf-data")
    meta = {"global": {"core:datatype": "ci16_be", "core:sample_rate": 250000, "core:offset": 7}, "captures": []}
    (tmp_path / "a.b.sigmf-meta").write_text(json.dumps(meta))
    for suffix in ("meta", "data"):
        recording = open_recording(tmp_path / f"a.b.sigmf-{suffix}")
        assert (recording.name, recording.sample_rate, recording.sigmf.offset) == ("a.b", 250000.0, 7)
        np.testing.assert_array_equal(all_of(recording), SAMPLES)


def test_given_sample_rate_goes_before_that_of_the_file_and_is_noted(tmp_path):
    wavfile.write(tmp_path / "a.wav", 48000, np.ones((4, 2), np.int16))
    recording = open_recording(tmp_path / "a.wav", sample_rate=192e3)
    assert (recording.sample_rate, recording.own_rate) == (192e3, 48e3)
    assert recording.notes == [f"--sample-rate 192,000 goes before the 48,000 samples/s that {tmp_path}/a.wav tells"]


def test_sample_rate_that_the_file_tells_too_is_no_news(tmp_path):
    wavfile.write(tmp_path / "a.wav", 48000, np.ones((4, 2), np.int16))
    SAMPLES.astype(np.complex64).tofile(tmp_path / "a.cf32")
    for name in ("a.wav", "a.cf32"):
        assert open_recording(tmp_path / name, sample_rate=48e3).notes == []


@pytest.mark.parametrize("rate", [1e-320, 1e-4, 1e13])
def test_sample_rate_out_of_bounds_in_metadata_is_named_and_can_be_given(tmp_path, rate):
    SAMPLES.astype(np.complex64).tofile(tmp_path / "a.sigmf-data")
    meta = {"global": {"core:datatype": "cf32_le", "core:sample_rate": rate}, "captures": []}
    (tmp_path / "a.sigmf-meta").write_text(json.dumps(meta))
    with pytest.raises(DataError, match=rf"0\.001 to 1e\+12 but found {re.escape(f'{rate:g}')} in .*a\.sigmf-meta"):
        open_recording(tmp_path / "a.sigmf-meta")
    assert open_recording(tmp_path / "a.sigmf-meta", sample_rate=1e6).sample_rate == 1e6


def test_wav_without_a_sample_rate_needs_one(tmp_path):
    wavfile.write(tmp_path / "a.wav", 0, np.ones((4, 2), np.int16))
    with pytest.raises(DataError, match=r"expected a sample rate from .* but found 0 in .*a\.wav; give the right one"):
        open_recording(tmp_path / "a.wav")
    assert open_recording(tmp_path / "a.wav", sample_rate=1e6).sample_rate == 1e6


def test_blocks_are_no_longer_than_asked_for_and_follow_each_other(tmp_path):
    numbers = np.arange(11).astype(np.complex64)
    numbers.tofile(tmp_path / "a.cf32")
    np.save(tmp_path / "a.npy", numbers)
    for name in ("a.cf32", "a.npy"):
        blocks = list(open_recording(tmp_path / name, sample_rate=1).blocks(4))
        assert [block.real.tolist() for block in blocks] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


class Trickle(io.BytesIO):
    """Gives three bytes at a time, as a slow pipe does."""

    def read1(self, most=-1):
        return super().read1(min(most, 3))


def test_stream_is_put_together_from_whatever_arrives():
    stream = Trickle(interleaved(SAMPLES, 32768, "<i2").tobytes())
    recording = open_recording("-", "cs16", 1e6, stream)
    assert (recording.samples, recording.name) == (None, "stdin")
    blocks = list(recording.blocks())
    assert len(blocks) == 5
    np.testing.assert_array_equal(np.concatenate(blocks), SAMPLES)
    assert recording.notes == []


def test_stream_that_ends_within_a_sample_keeps_the_whole_ones_and_says_so():
    stream = io.BytesIO(interleaved(SAMPLES, 32768, "<i2").tobytes()[:-1])
    recording = open_recording("-", "cs16", 1e6, stream)
    np.testing.assert_array_equal(all_of(recording), SAMPLES[:-1])
    assert "3 bytes were left out" in recording.notes[0]


def test_interrupt_ends_a_stream_and_keeps_what_was_read():
    source, sink = os.pipe()
    os.write(sink, interleaved(SAMPLES, 128, "i1").tobytes())
    before = signal.getsignal(signal.SIGINT)
    with os.fdopen(source, "rb") as stream, os.fdopen(sink, "wb"):
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        np.testing.assert_array_equal(all_of(open_recording("-", "ci8", 1e6, stream)), SAMPLES)
    timer.join()
    assert signal.getsignal(signal.SIGINT) is before


def write(path, content=b""):
    path.write_bytes(content)
    return path


def mono(path):
    wavfile.write(path, 8000, np.zeros(8, np.int16))
    return path


def cut_wav(path):
    wavfile.write(path, 8000, np.zeros((100, 2), np.int16))
    path.write_bytes(path.read_bytes()[:-40])
    return path


def wav_of_24_bits(path):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(3)
        file.setframerate(8000)
        file.writeframes(bytes(60))
    return path


def saved(path, array):
    np.save(path, array, allow_pickle=True)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "no.cf32", "found nothing at"),
        (lambda folder: folder, "found a folder at"),
        (lambda folder: write(folder / "a.cf32"), "found an empty file"),
        (lambda folder: write(folder / "a.cf32", bytes(13)), "samples of 8 bytes but found 13 bytes"),
        (lambda folder: write(folder / "a.cs16", bytes(10)), "samples of 4 bytes but found 10 bytes"),
        (lambda folder: write(folder / "a.cu8", bytes(3)), "found 3 bytes .*, 1 more than 1 samples"),
        (lambda folder: mono(folder / "a.wav"), "expected two channels, I and Q, but found 1"),
        (lambda folder: cut_wav(folder / "a.wav"), "cannot be read"),
        (lambda folder: wav_of_24_bits(folder / "a.wav"), "8, 16 or 32-bit .* cannot be read: .*3-byte"),
        (lambda folder: write(folder / "a.wav"), "cannot be read"),
        (lambda folder: write(folder / "a.npy"), "cannot be read"),
        (lambda folder: write(folder / "a.npy", b"junk" * 10), "cannot be read"),
        (lambda folder: saved(folder / "a.npy", np.array([{}])), "cannot be read"),
        (lambda folder: saved(folder / "a.npy", np.zeros(8)), r"found float64 of shape \(8,\)"),
        (lambda folder: saved(folder / "a.npy", np.zeros((3, 8))), r"found float64 of shape \(3, 8\)"),
        (lambda folder: saved(folder / "a.npy", np.zeros((2, 8), int)), r"found int64"),
        (lambda folder: saved(folder / "a.npy", np.zeros(0, complex)), "found an empty array"),
        (lambda folder: write(folder / "a.sigmf", bytes(8)), "unpack it"),
    ],
)
def test_damaged_file_is_named(tmp_path, make, message):
    path = make(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        open_recording(path, sample_rate=1e6)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.iq", {"sample_rate": 1e6}, "a.iq, of an unknown type; name it with --datatype"),
        ("a.cf32", {}, "expected the sample rate of .*a.cf32 but found none; give it with --sample-rate"),
        ("a.cf32", {"sample_rate": -1.0}, r"--sample-rate from 0.001 to 1e\+12 but found -1$"),
        ("a.cf32", {"sample_rate": float("nan")}, "--sample-rate from .* but found nan"),
        ("a.cf32", {"sample_rate": 1e13}, r"--sample-rate from .* but found 1e\+13"),
        ("a.cf32", {"sample_rate": 1e-320}, "--sample-rate from .* but found 9.99989e-321"),
        ("a.iq", {"datatype": "cf32le", "sample_rate": 1e6}, "found 'cf32le'; did you mean 'cf32_le'"),
        ("a.wav", {"datatype": "cu8"}, "tells its own, but found 'cu8'"),
    ],
)
def test_what_a_file_does_not_tell_must_be_given(tmp_path, name, options, message):
    wavfile.write(tmp_path / name, 8000, np.zeros((8, 2), np.int16))
    with pytest.raises(ConfigError, match=message):
        open_recording(tmp_path / name, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"sample_rate": 1e6}, "type of the samples"), ({"datatype": "cu8"}, "the sample rate of standard input")],
)
def test_stream_needs_type_and_rate(options, message):
    with pytest.raises(ConfigError, match=message):
        open_recording("-", **options, stream=io.BytesIO())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf * 1j])
def test_samples_that_are_not_finite_are_named(tmp_path, bad):
    samples = np.ones(10, np.complex64)
    samples[7] = bad
    samples.tofile(tmp_path / "a.cf32")
    with pytest.raises(DataError, match=r"finite samples but found .* at sample 7 of .*a\.cf32"):
        all_of(open_recording(tmp_path / "a.cf32", sample_rate=1), 4)


def test_large_finite_samples_are_no_infinity(tmp_path):
    samples = np.full(8, 3e38, np.complex64)
    samples.tofile(tmp_path / "a.cf32")
    np.testing.assert_array_equal(all_of(open_recording(tmp_path / "a.cf32", sample_rate=1)), samples)


def test_file_that_shrinks_while_it_is_read_is_an_error(tmp_path):
    path = write(tmp_path / "a.cs8", struct.pack("16b", *range(16)))
    blocks = open_recording(path, sample_rate=1).blocks(4)
    next(blocks)
    os.truncate(path, 10)
    with pytest.raises(DataError, match=r"expected 8 samples in .* but found fewer"):
        list(blocks)
