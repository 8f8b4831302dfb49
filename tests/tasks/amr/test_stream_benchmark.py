"""What hearing a recording costs."""

import pytest

from common.errors import ConfigError
from tasks.amr import stream_benchmark
from tasks.amr.iq_files import BLOCK
from tasks.amr.predict import DEFAULT_NETWORK
from tasks.amr.stream_benchmark import stream_tables, streaming

NAME = DEFAULT_NETWORK.name


@pytest.fixture
def seconds(monkeypatch):
    """Every phase is run once and said to have taken 2 s with all there is to it, 1 s alone."""
    windows = []

    def timed(phases, rounds, warmup, clock, progress):
        windows.extend(run() for run in phases.values())
        return {name: [1.0 if name.endswith("alone") else 2.0] * rounds for name in phases}

    monkeypatch.setattr(stream_benchmark, "time_rounds", timed)
    return windows


def test_speeds_are_samples_over_seconds_and_the_share_is_the_networks(seconds):
    result = streaming([str(DEFAULT_NETWORK)], BLOCK, rounds=3, longer=BLOCK + 7)
    each = result["networks"][NAME]
    assert each["heard"]["median"] == BLOCK / 2
    assert each["alone"]["median"] == BLOCK
    assert each["share"]["rounds"] == [0.5, 0.5, 0.5]
    peaks = list(result["memory_mib"].values())
    assert list(result["memory_mib"]) == ["networks", f"{BLOCK} samples", f"{BLOCK + 7} samples"]
    assert 0 < peaks[0] <= peaks[1] <= peaks[2]
    shown = stream_tables(result)[0].markdown()
    assert f"| {NAME} | 0.52 | 1.05 | 0.500 |" in shown


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
