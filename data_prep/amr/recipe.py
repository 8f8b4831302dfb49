"""What a generated set depends on: the constants of a preset, its switches, and the extent of the set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from itertools import product
from typing import Any

from common.errors import ConfigError, did_you_mean
from common.modulations import RML2016A, RML2016B, RML2018A, canonical
from data_prep.amr.constellations import MODULATIONS

IMPAIRMENTS = ("awgn", "clock", "fading", "phase")
# Raise when frames change, so that older files are not taken for the same.
GENERATOR_VERSION = 1
LABEL_RANGE = (-100, 100)  # dB

# Of 2018.01A, its digital classes: how its analog ones were made is not published.
_RML2018 = tuple(mod for mod in RML2018A if not mod.startswith("AM-") and mod != "FM")
# Each set names its classes as its publishers do: QAM16 in RadioML 2016, 16QAM in 2018.
MOD_SETS = {
    "10a": RML2016A,
    "10b": RML2016B,
    "2018-digital": _RML2018,
    "all": (*RML2016A, *(mod for mod in _RML2018 if canonical(mod) not in map(canonical, RML2016A))),
}
# Least and most of the numbers of a recipe: what lies beyond cannot be, or would fill the memory.
_RANGES = {
    "length": (8, 1 << 16),
    "sps": (2, 64),
    "rolloff": (0.001, 1),
    "audio_rms": (0, 100),
    "audio_limit": (0.001, 100),
    "sample_rate": (1e3, 1e8),
    "skip": (0, 1_000_000),
    "rician_k": (0, 1e6),
    "channel_taps": (1, 64),
    "sinusoids": (1, 1024),
    "channel_seed": (0, (1 << 31) - 1),
}
# Of the sample rate: the most of numbers that are no less than 0.
_SHARES = {"sro_max": 0.1, "sro_step": 0.1, "cfo_max": 0.5, "cfo_step": 0.5, "doppler": 0.5}


@dataclass(frozen=True)
class Recipe:
    """How a frame is made. Frequencies in Hz at a nominal ``sample_rate``, delays in samples.

    The defaults are those of RadioML 2016.10A's published script.

    Attributes:
        preset: name of the preset that this recipe came from.
        length: samples in a frame.
        sps: samples per symbol; of several, each frame draws one.
        rolloff: of the root-raised-cosine pulse; of several, each frame draws one.
        impairments: those of `IMPAIRMENTS` that are on.
        legacy_snr: noise amplitude 10^(-label/10) beside a signal of amplitude 1, so that the SNR grows by 2 dB for
            each dB of the label; else the label is the SNR of the frame (after the channel, over the whole band).
        doubled_noise: with ``legacy_snr``, complex noise of variance 2 amplitude² (GNU Radio of 2016 as read) rather
            than amplitude² (GNU Radio 3.10 as measured).
        am_ssb_bug: AM-SSB is multiplied by a real sine at 0 Hz: noise alone.
        frozen_channel: one fading path, clock walk and noise sequence for every frame.
        pre_emphasis: WBFM's audio is pre-emphasised (75 µs); working in GNU Radio 3.10, in 2016 a pass-through by
            a reading that is not verified.
        mean_amplitude: constellations have mean amplitude 1 (as published) rather than mean power 1.
        ssb_carrier: AM-SSB keeps a carrier of amplitude 1 (what the script's blocks give once its carrier works).
        audio_rms: r.m.s. of the audio before the modulator; it is limited to ``audio_limit``.
        skip: samples at the start of a run that no frame touches; filters start up there.
        uniform_clock: clock errors start anywhere within their bounds rather than at 0 at the start of a run.
        sro_max: bound of the sampling clock's error; ``sro_step``: standard deviation of its change each sample.
        cfo_max: bound of the carrier's error; ``cfo_step`` likewise.
        doppler: maximum Doppler frequency; ``rician_k``: power ratio of the direct to the scattered part of path 0.
        path_delays: of the paths; ``path_gains``: their amplitudes; ``channel_taps``: length of the filter.
        sinusoids: number of them whose sum is a scattered path.
        channel_seed: seed of the frozen channel.

    Raises:
        ConfigError: for a value that cannot be.
    """

    preset: str = "rml2016"
    length: int = 128
    sps: int | tuple[int, ...] = 8
    rolloff: float | tuple[float, ...] = 0.35
    impairments: tuple[str, ...] = ("awgn", "clock", "fading")
    legacy_snr: bool = True
    doubled_noise: bool = True
    am_ssb_bug: bool = True
    frozen_channel: bool = True
    pre_emphasis: bool = False
    mean_amplitude: bool = True
    ssb_carrier: bool = True
    audio_rms: float = 0.08  # ours: the podcast itself is not published
    audio_limit: float = 0.5
    sample_rate: float = 200e3
    skip: int = 50
    uniform_clock: bool = False
    sro_max: float = 50.0
    sro_step: float = 0.01
    cfo_max: float = 500.0
    cfo_step: float = 0.01
    doppler: float = 1.0
    rician_k: float = 4.0
    path_delays: tuple[float, ...] = (0.0, 0.9, 1.7)
    path_gains: tuple[float, ...] = (1.0, 0.8, 0.3)
    channel_taps: int = 8
    sinusoids: int = 8
    channel_seed: int = 0x1337

    def __post_init__(self) -> None:
        _check_recipe(self)

    def kinds(self) -> tuple[Recipe, ...]:
        """The recipes, each with one ``sps`` and one ``rolloff``, of which every frame draws one."""
        return _kinds(self)

    def as_json(self) -> dict[str, Any]:
        """Every field, in types that JSON knows."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@lru_cache(maxsize=64)
def _kinds(recipe: Recipe) -> tuple[Recipe, ...]:
    return tuple(
        replace(recipe, sps=sps, rolloff=rolloff)
        for sps, rolloff in product(several(recipe.sps), several(recipe.rolloff))
    )


def several(value: float | tuple) -> tuple:
    """The values of a field that may hold one or several."""
    return value if isinstance(value, tuple) else (value,)


def _check_recipe(recipe: Recipe) -> None:
    for field in fields(Recipe):
        value = getattr(recipe, field.name)
        if field.type == "bool" and not isinstance(value, bool):
            raise ConfigError(f"expected {field.name} to be True or False but found {value!r}")
        for each in several(value) if field.name in _RANGES else ():
            _check_number(field.name, each, *_RANGES[field.name], field.type.startswith("int"))
    for name, share in _SHARES.items():
        _check_number(name, getattr(recipe, name), 0, share * recipe.sample_rate)
    for name in ("sps", "rolloff"):
        values = several(getattr(recipe, name))
        if not values or len(set(values)) != len(values):
            raise ConfigError(f"expected one or more values of {name}, each once, but found {list(values)}")
    _check_paths(recipe)
    if not isinstance(recipe.impairments, tuple):
        raise ConfigError(f"expected impairments as a tuple of names but found {recipe.impairments!r}")
    for name in recipe.impairments:
        if name not in IMPAIRMENTS:
            known, nearest = ", ".join(IMPAIRMENTS), did_you_mean(str(name), IMPAIRMENTS)
            raise ConfigError(f"expected impairments among {known} but found {name!r}{nearest}")


def _check_paths(recipe: Recipe) -> None:
    found = recipe.path_delays, recipe.path_gains
    if not all(isinstance(each, tuple) for each in found) or len(found[0]) != len(found[1]) or not found[0]:
        raise ConfigError(
            f"expected path_delays and path_gains, one of each for a path, but found {found[0]}, {found[1]}"
        )
    for delay, gain in zip(*found, strict=True):
        _check_number("path_delays", delay, 0, recipe.channel_taps - 1)
        _check_number("path_gains", gain, 0, 100)
    if not any(recipe.path_gains):
        raise ConfigError(f"expected path_gains of which one is above 0 but found {recipe.path_gains}")


def _check_number(name: str, value: Any, least: float, most: float, is_whole: bool = False) -> None:
    is_number = isinstance(value, int if is_whole else (int, float)) and not isinstance(value, bool)
    if not (is_number and least <= value <= most):
        what = f"{name}, whole, of" if is_whole else f"{name} of"
        raise ConfigError(f"expected {what} {least:.10g}..{most:.10g} but found {value!r}")


RML2016 = Recipe()
# In the manner of RML22: true SNR, a new channel and phase for each frame, 70 Hz Doppler, clocks that start anywhere,
# 1,000 samples skipped. Ours: the rate and the paths of 10A (at RML22's 30 kHz all of its paths fall within 0.15
# samples, which is no multipath at all), constellations of power 1, louder audio, AM-SSB without a carrier.
CLEAN = Recipe(
    preset="clean",
    impairments=IMPAIRMENTS,
    legacy_snr=False,
    doubled_noise=False,
    am_ssb_bug=False,
    frozen_channel=False,
    mean_amplitude=False,
    ssb_carrier=False,
    audio_rms=0.25,
    audio_limit=0.9,
    skip=1000,
    uniform_clock=True,
    doppler=70.0,
)
# Ours, to train a network for captures that are not known beforehand: as clean, with a symbol rate and roll-off drawn
# for each frame and a carrier off by up to a hundredth of the sample rate.
WIDE = replace(CLEAN, preset="wide", sps=(4, 8, 16), rolloff=(0.2, 0.25, 0.35, 0.5), cfo_max=2000.0)
PRESETS = {recipe.preset: recipe for recipe in (RML2016, CLEAN, WIDE)}
SWITCHES = tuple(field.name for field in fields(Recipe) if field.type == "bool")


def make_recipe(preset: str, **changes: Any) -> Recipe:
    """The recipe of ``preset`` with fields changed; lists are taken for tuples.

    Raises:
        ConfigError: for an unknown preset or field, or a value out of its range.
    """
    if preset not in PRESETS:
        known = ", ".join(repr(name) for name in PRESETS)
        raise ConfigError(f"expected a preset of {known} but found {preset!r}{did_you_mean(preset, PRESETS)}")
    known_fields = {field.name for field in fields(Recipe)} - {"preset"}
    for name in changes.keys() - known_fields:
        raise ConfigError(f"expected a field of Recipe but found {name!r}{did_you_mean(name, known_fields)}")
    changes = {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
    return replace(PRESETS[preset], **changes)


@dataclass(frozen=True)
class Extent:
    """Which frames a set holds: for each of ``mods`` and each label of ``snrs`` (dB) so many ``frames``."""

    mods: tuple[str, ...]
    snrs: tuple[int, ...]
    frames: int
    seed: int = 0

    def total(self) -> int:
        """Number of frames."""
        return len(self.mods) * len(self.snrs) * self.frames


def check_extent(extent: Extent, recipe: Recipe) -> None:
    """Refuse an extent that is empty, names something unknown or twice, or cannot be made by ``recipe``.

    Raises:
        ConfigError: what is wrong with it.
    """
    seen: dict[str, str] = {}
    for mod in extent.mods:
        if canonical(mod) not in MODULATIONS:
            raise ConfigError(f"expected a modulation but found {mod!r}{_nearest_mod(mod)}")
        if canonical(mod) in seen:
            raise ConfigError(f"expected each modulation once but found {seen[canonical(mod)]!r} and {mod!r}")
        seen[canonical(mod)] = mod
    for values, named in ((extent.mods, "modulation"), (extent.snrs, "SNR label")):
        if not values:
            raise ConfigError(f"expected at least one {named} but found none")
    if len(set(extent.snrs)) != len(extent.snrs):
        raise ConfigError(f"expected each SNR once but found {list(extent.snrs)}")
    for snr in extent.snrs:
        _check_number("SNR labels in dB", snr, *LABEL_RANGE, is_whole=True)
    _check_number("frames", extent.frames, 1, 1 << 31, is_whole=True)
    _check_number("seed", extent.seed, 0, (1 << 63) - 1, is_whole=True)
    odd = [sps for sps in several(recipe.sps) if sps % 2]
    if "OQPSK" in seen and odd:
        raise ConfigError(f"expected an even number of samples per symbol for OQPSK's half symbol but found {odd[0]}")
    if "AM-SSB" in seen and recipe.am_ssb_bug and "awgn" not in recipe.impairments:
        raise ConfigError("expected awgn among the impairments, or no am_ssb_bug: AM-SSB would be all zeros")


def _nearest_mod(name: str) -> str:
    known = [*MOD_SETS, *all_mod_names()]
    return did_you_mean(name, known) or did_you_mean(name.upper(), known)


def all_mod_names() -> list[str]:
    """Every name under which a modulation can be asked for."""
    return sorted({mod for mods in MOD_SETS.values() for mod in mods})


def expand_mods(names: Iterable[str]) -> tuple[str, ...]:
    """Replace the names of sets (`MOD_SETS`) by their modulations; other names stay as they are."""
    return tuple(mod for name in names for mod in MOD_SETS.get(name, (name,)))
