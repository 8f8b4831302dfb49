"""Small files in the layouts of the published sets, and a network for recordings."""

import h5py
import numpy as np
import pytest
from iq_networks import compass

# Columns of Y in RadioML 2018.01A, as its publishers corrected them; the order of classes.txt is another one.
CORRECT = [
    *("OOK", "4ASK", "8ASK", "BPSK", "QPSK", "8PSK", "16PSK", "32PSK"),
    *("16APSK", "32APSK", "64APSK", "128APSK", "16QAM", "32QAM", "64QAM", "128QAM"),
    *("256QAM", "AM-SSB-WC", "AM-SSB-SC", "AM-DSB-WC", "AM-DSB-SC", "FM", "GMSK", "OQPSK"),
]
AS_PUBLISHED = [
    *("32PSK", "16APSK", "32QAM", "FM", "GMSK", "32APSK", "OQPSK", "8ASK"),
    *("BPSK", "8PSK", "AM-SSB-SC", "4ASK", "16PSK", "64APSK", "128QAM", "128APSK"),
    *("AM-DSB-SC", "AM-SSB-WC", "64QAM", "QPSK", "256QAM", "AM-DSB-WC", "OOK", "16QAM"),
]


def frames_of(count, length=8, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 2, length)).astype(np.float32)


@pytest.fixture(name="python2_pickle")
def _python2_pickle():
    return python2_bytes


def python2_bytes(cells):
    """Protocol 0 as Python 2.7's cPickle writes it: the published form of 2016.10A, of {(mod, snr): [n, 2, L]}."""
    lines, memo = ["(dp1"], 1
    for number, ((mod, snr), frames) in enumerate(cells.items()):
        data = "".join(f"\\x{byte:02x}" for byte in np.ascontiguousarray(frames, "<f4").tobytes())
        lines += [f"(S'{mod}'", f"p{memo + 1}", f"I{snr}", f"tp{memo + 2}"]
        memo += 2
        if number == 0:
            lines += ["cnumpy.core.multiarray", "_reconstruct", "p900", "(cnumpy", "ndarray", "p901"]
            lines += ["(I0", "tp902", "S'b'", "tRp903"]
            dtype = ["cnumpy", "dtype", "p904", "(S'f4'", "p905", "I0", "I1", "tp906", "Rp907"]
            dtype += ["(I3", "S'<'", "NNNI-1", "I-1", "I0", "tp908", "bI00"]
        else:
            lines += ["g900", "(g901", "g902", "S'b'", f"tRp{memo + 1}"]
            dtype = ["g907", "I00"]
        lines += ["(I1", f"(I{len(frames)}", "I2", f"I{frames.shape[2]}", f"tp{memo + 2}", *dtype]
        lines += [f"S'{data}'", f"p{memo + 3}", "tbs"]
        memo += 3
    text = "\n".join(lines) + "."
    return text.replace("tbs\n", "tbs").encode("ascii")


@pytest.fixture(name="write_rml2018")
def _write_rml2018():
    return rml2018_file


def rml2018_file(path, frames=4, snrs=(0, 30), order=CORRECT, length=1024):
    """X [N, L, 2], Y [N, 24] one-hot, Z [N, 1], ordered by class, then SNR. FM and GMSK have a steady envelope."""
    random = np.random.default_rng(0)
    shape = (24, len(snrs), frames, length)
    samples = random.standard_normal(shape) + 1j * random.standard_normal(shape)
    for steady in ("FM", "GMSK"):
        samples[order.index(steady)] = np.exp(2j * np.pi * np.cumsum(random.uniform(0, 0.1, shape[1:]), axis=-1))
    samples += 0.01 * random.standard_normal(shape)
    count = 24 * len(snrs) * frames
    with h5py.File(path, "w") as file:
        flat = samples.reshape(count, length)
        file["X"] = np.stack([flat.real, flat.imag], axis=-1).astype(np.float32)
        file["Y"] = np.repeat(np.eye(24, dtype=np.int64), len(snrs) * frames, axis=0)
        file["Z"] = np.tile(np.repeat(np.array(snrs, np.int64), frames), 24)[:, None]
    return path


@pytest.fixture
def cells():
    """Two modulations at two SNRs, three frames of 8 samples each."""
    keys = (("QPSK", 2), ("BPSK", -20), ("BPSK", 2), ("QPSK", -20))
    return {key: frames_of(3, seed=seed) for seed, key in enumerate(keys)}


@pytest.fixture
def correct_order():
    """What Y's columns mean."""
    return CORRECT


@pytest.fixture
def wrong_order():
    """What classes.txt says that they mean."""
    return AS_PUBLISHED


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """File of a network that tells the phase of a carrier."""
    return str(compass(tmp_path_factory.mktemp("network") / "compass.onnx"))


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """Runs tools/predict.py in an empty folder, in which its results lie under ``out``."""
    from iq_results import main  # all of torch

    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        return main([*map(str, arguments), "--out", "out"])

    return run
