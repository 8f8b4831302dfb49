"""What a user should know of what a network hears, before and after: sentences."""

from __future__ import annotations

import math

from tasks.amr.listening import Listening, Settings
from tasks.amr.recogniser import Recogniser
from tasks.amr.tuning import RATE_TOLERANCE

NYQUIST = 2.0  # samples a symbol (ours): what a roll-off of 1 takes
MOSTLY = 0.75  # of the windows (ours): of signals at -6 dB less than this looks like noise


def told_before(network: Recogniser, settings: Settings, listening: Listening) -> str:
    """One line about which network hears what of a recording."""
    span, per_symbol = network.info.samples_per_symbol, listening.samples_per_symbol
    parts = [network.name + (f" ({network.origin})" if network.origin else "")]
    ratio = listening.timeline.ratio
    resampled = "as recorded" if ratio == 1 else f"{listening.rate / ratio:,.10g} resampled by {ratio}"
    parts.append(f"{listening.rate:,.10g} samples/s ({resampled})")
    trained = "its range is not told" if span is None else f"trained on {_range(span)}"
    parts.append(f"{'unknown' if per_symbol is None else f'{per_symbol:.4g}'} samples a symbol ({trained})")
    length = listening.timeline.length
    parts.append(f"windows of {length} samples ({1e3 * length / listening.rate:.4g} ms)")
    parts.append("each decides alone" if settings.vote == 1 else f"{settings.vote} decide together")
    return "network: " + ", ".join(parts)


def doubts_before(network: Recogniser, listening: Listening) -> list[str]:
    """What has to hold of the signal for the network to know it, where nobody has said that it does; sentences."""
    info, per_symbol, ratio = network.info, listening.samples_per_symbol, listening.timeline.ratio
    found = []
    if info.samples_per_symbol is not None:
        least, most = info.samples_per_symbol
        if per_symbol is None:
            rates = _range((listening.rate / most, listening.rate / least))
            found.append(
                f"without --symbol-rate the signal is taken to have {_range((least, most))} samples a symbol, here "
                f"{rates} symbols/s; the answer to any other is a guess"
            )
            if info.sample_rate is not None and abs(listening.rate / info.sample_rate - 1) > 0.01:
                found[0] += f"; analog signals are known at {info.sample_rate:,.10g} samples/s"
        elif not least * (1 - RATE_TOLERANCE) <= per_symbol <= most * (1 + RATE_TOLERANCE):
            found.append(
                f"the network was trained on {_range((least, most))} samples a symbol and hears {per_symbol:.4g}: "
                "its answers are guesses; leave --resample out"
            )
    if ratio > 1:
        found.append(f"resampled by {ratio}, the recording has no more in it than at its own rate")
        if per_symbol is not None and per_symbol / ratio < NYQUIST:
            found[-1] += (
                f", {float(per_symbol / ratio):.3g} samples a symbol: a part of the signal is lost; record 4 or more"
            )
    return found


def doubts_after(settings: Settings, listening: Listening, sample_rate: float) -> list[str]:
    """What the spectrum of what was heard says against the answers; sentences.

    Args:
        settings: with which it was heard.
        listening: as far as it has gone.
        sample_rate: of the recording.
    """
    share = listening.spectrum.white_share()
    if share > MOSTLY:
        gate = "try --noise-gate 6" if settings.noise_gate is None else "raise --noise-gate"
        return [
            f"{100 * share:.0f} % of the windows have the flat spectrum of noise, or of a signal as wide as the band; "
            f"the network gives its classes to noise, too: {gate}"
        ]
    place = listening.spectrum.off_centre()
    if place is None:
        return []
    step = 10 ** math.floor(math.log10(listening.rate / 1000))
    heard = step * round(place.frequency * listening.rate / step)
    frequency = math.remainder(heard - settings.freq_shift, sample_rate)
    shift = f"--freq-shift {-frequency:.10g}"
    where = f"{frequency:+,.10g} Hz from the recording's middle"
    if place.is_piece:
        return [
            f"power lies in several places, most around {where}, and the network was trained on one signal, around "
            f"0 Hz: its answers are guesses; try {shift}, with --symbol-rate or --resample to leave out the others"
        ]
    return [
        f"the power lies around {where}, and the network was trained on signals around 0 Hz: its answers are guesses; "
        f"try {shift}"
    ]


def _range(ends: tuple[float, float]) -> str:
    least, most = (f"{end:,.6g}" for end in ends)
    return least if least == most else f"{least} to {most}"
