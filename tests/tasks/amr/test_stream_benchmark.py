"""What hearing a recording costs."""

import json

import pytest

from common.errors import ConfigError
from common.onnx_files import read_metadata
from tasks.amr import stream_benchmark
from tasks.amr.iq_files import BLOCK
from tasks.amr.predict import DEFAULT_NETWORK
from tasks.amr.recogniser import Recogniser
from tasks.amr.stream_benchmark import stream_tables, streaming

NAME = DEFAULT_NETWORK.name


@pytest.fixture
def seconds(monkeypatch):
    """Every phase is run once and said to have taken 2 s with all there is to it, 1 s alone; windows that it had."""
    windows, heard = {}, []
    real = Recogniser.log_probabilities

    def listening(self, frames):
        heard.append(len(frames))
        assert frames.std() > 0.5
        return real(self, frames)

    def timed(phases, rounds, warmup, clock, progress):
        for name, run in phases.items():
            heard.clear()
            run()
            windows[name] = sum(heard)
        return {name: [1.0 if name.endswith("alone") else 2.0] * rounds for name in phases}

    monkeypatch.setattr(Recogniser, "log_probabilities", listening)
    monkeypatch.setattr(stream_benchmark, "time_rounds", timed)
    return windows


def test_speeds_are_samples_over_seconds_and_the_share_is_the_networks(seconds):
    result = streaming([str(DEFAULT_NETWORK)], BLOCK, rounds=3, longer=BLOCK + 7)
    each = result["networks"][NAME]
    assert each["heard"]["median"] == BLOCK / 2
    assert each["alone"]["median"] == BLOCK
    assert each["share"]["rounds"] == [0.5, 0.5, 0.5]
    assert list(result["memory_mib"]) == ["networks", f"{BLOCK} samples", f"{BLOCK + 7} samples"]
    shown = stream_tables(result)[0].markdown()
    assert f"| {NAME} | 0.52 | 1.05 | 0.500 |" in shown


def test_the_network_alone_gets_as_many_windows_as_with_all_there_is_to_it(seconds):
    length = json.loads(read_metadata(DEFAULT_NETWORK)["length"])
    streaming([str(DEFAULT_NETWORK)], BLOCK + 3 * length + 1, rounds=1)
    assert list(seconds.values()) == [BLOCK // length + 3] * 2


def test_the_recording_is_heard_whole(seconds, monkeypatch):
    heard = []
    real = stream_benchmark.findings
    monkeypatch.setattr(
        stream_benchmark, "findings", lambda recording, *rest: (heard.append(recording), real(recording, *rest))[1]
    )
    streaming([str(DEFAULT_NETWORK)], BLOCK + 5000, rounds=1)
    assert heard[0].taken == heard[0].samples == BLOCK + 5000


@pytest.mark.parametrize(("networks", "samples"), [([], BLOCK), ([str(DEFAULT_NETWORK)], 100)])
def test_nothing_to_time_is_refused(networks, samples):
    with pytest.raises(ConfigError, match=f"a network and at least {BLOCK} samples but found"):
        streaming(networks, samples, rounds=1)
