"""Presets, switches, and what is refused."""

import json

import pytest

from common.errors import ConfigError
from data_prep.amr.recipe import MOD_SETS, SWITCHES, Extent, Recipe, check_extent, expand_mods, make_recipe


def test_published_preset_has_its_bugs_and_the_clean_one_none():
    published, clean = make_recipe("rml2016"), make_recipe("clean")
    for name in ("legacy_snr", "doubled_noise", "am_ssb_bug", "frozen_channel"):
        assert name in SWITCHES
        assert getattr(published, name) is True
        assert getattr(clean, name) is False
    assert published.impairments == ("awgn", "clock", "fading")
    assert clean.impairments == ("awgn", "clock", "fading", "phase")


def test_published_preset_has_the_published_channel():
    recipe = make_recipe("rml2016")
    assert (recipe.sample_rate, recipe.sro_max, recipe.cfo_max) == (200e3, 50, 500)
    assert (recipe.sro_step, recipe.cfo_step, recipe.doppler, recipe.rician_k) == (0.01, 0.01, 1, 4)
    assert (recipe.path_delays, recipe.path_gains) == ((0, 0.9, 1.7), (1, 0.8, 0.3))
    assert (recipe.sps, recipe.rolloff, recipe.length, recipe.channel_seed) == (8, 0.35, 128, 0x1337)


def test_recipe_is_written_as_json():
    content = json.loads(json.dumps(make_recipe("clean", length=64).as_json()))
    assert content["length"] == 64
    assert content["impairments"] == ["awgn", "clock", "fading", "phase"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(impairments=("awgn", "fadng")), "found 'fadng'; did you mean 'fading'"),
        (dict(length=4), "length, whole, of 8..65536 but found 4"),
        (dict(length=128.0), "length, whole, of 8..65536 but found 128.0"),
        (dict(length=True), "length, whole, of 8..65536 but found True"),
        (dict(sps=1), "sps, whole, of 2..64 but found 1"),
        (dict(sps=(4, 65)), "sps, whole, of 2..64 but found 65"),
        (dict(sps=7.5), "sps, whole, .* but found 7.5"),
        (dict(sps=()), r"one or more values of sps, each once, but found \[\]"),
        (dict(rolloff=(0.2, 0.3, 0.2)), "one or more values of rolloff, each once"),
        (dict(rolloff=(0.3, 1.1)), "rolloff of 0.001..1 but found 1.1"),
        (dict(rolloff=0.0), "rolloff of 0.001..1 but found 0.0"),
        (dict(rolof=0.3), "found 'rolof'; did you mean 'rolloff'"),
        (dict(channel_seed=-1), "channel_seed, whole, of 0..2147483647 but found -1"),
        (dict(sinusoids=0), "sinusoids, whole, of 1..1024 but found 0"),
        (dict(channel_taps=0), "channel_taps, whole, of 1..64 but found 0"),
        (dict(skip=-1), "skip, whole, of 0..1000000 but found -1"),
        (dict(sample_rate=0), "sample_rate of 1000..100000000 but found 0"),
        (dict(sample_rate=float("nan")), "sample_rate of .* but found nan"),
        (dict(doppler=float("inf")), "doppler of 0..100000 but found inf"),
        (dict(doppler="fast"), "doppler of 0..100000 but found 'fast'"),
        (dict(doppler=600.0, sample_rate=1e3), "doppler of 0..500 but found 600"),
        (dict(cfo_max=-1.0), "cfo_max of 0..100000 but found -1"),
        (dict(cfo_step=float("nan")), "cfo_step of 0..100000 but found nan"),
        (dict(sro_max=1e5), "sro_max of 0..20000 but found 100000.0"),
        (dict(sro_step=-0.01), "sro_step of 0..20000 but found -0.01"),
        (dict(rician_k=-1), "rician_k of 0..1000000 but found -1"),
        (dict(audio_rms=-0.1), "audio_rms of 0..100 but found -0.1"),
        (dict(audio_limit=0.0), "audio_limit of 0.001..100 but found 0.0"),
        (dict(frozen_channel="no"), "frozen_channel to be True or False but found 'no'"),
        (dict(impairments="awgn"), "impairments as a tuple of names but found 'awgn'"),
        (dict(path_delays=(0.0, 1.0)), r"one of each for a path, but found \(0.0, 1.0\), \(1.0, 0"),
        (dict(path_delays=(), path_gains=()), "one of each for a path, but found"),
        (dict(path_delays=0.0), "one of each for a path, but found"),
        (dict(path_delays=(0.0, 0.9, 8.0)), "path_delays of 0..7 but found 8.0"),
        (dict(path_gains=(1.0, float("inf"), 0.3)), "path_gains of 0..100 but found inf"),
        (dict(path_gains=(0, 0, 0)), r"one is above 0 but found \(0, 0, 0\)"),
    ],
)
def test_impossible_recipes_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        make_recipe("clean", **changes)


def test_a_recipe_is_checked_however_it_is_made():
    with pytest.raises(ConfigError, match=r"sinusoids, whole, of 1\.\.1024 but found 0"):
        Recipe(sinusoids=0)
    with pytest.raises(ConfigError, match=r"sps, whole, of 2..64 but found \[4, 8\]"):
        Recipe(sps=[4, 8])


def test_a_recipe_comes_back_from_json():
    recipe = make_recipe("wide", length=64)
    assert make_recipe(**json.loads(json.dumps(recipe.as_json()))) == recipe


def test_several_rates_and_rolloffs_make_a_kind_of_each_pair():
    kinds = make_recipe("clean", sps=[4, 8], rolloff=[0.2, 0.5, 1.0]).kinds()
    pairs = [(kind.sps, kind.rolloff) for kind in kinds]
    assert pairs == [(4, 0.2), (4, 0.5), (4, 1.0), (8, 0.2), (8, 0.5), (8, 1.0)]
    assert make_recipe("clean").kinds() == (make_recipe("clean"),)


def test_wide_preset_is_the_clean_one_with_more_variety():
    wide, clean = make_recipe("wide").as_json(), make_recipe("clean").as_json()
    differing = {name for name in wide if wide[name] != clean[name]}
    assert differing == {"preset", "sps", "rolloff", "cfo_max"}
    assert wide["sps"] == [4, 8, 16]


def test_unknown_preset_is_refused():
    message = "a preset of 'rml2016', 'clean', 'wide' but found 'rml2018'; did you mean 'rml2016'"
    with pytest.raises(ConfigError, match=message):
        make_recipe("rml2018")


@pytest.mark.parametrize(
    ("extent", "message"),
    [
        (dict(mods=("QPKS",)), "expected a modulation but found 'QPKS'; did you mean 'QPSK'"),
        (dict(mods=("am-ssb",)), "found 'am-ssb'; did you mean 'AM-SSB'"),
        (dict(mods=("2018-digitl",)), "did you mean '2018-digital'"),
        (dict(mods=("QAM16", "BPSK", "16QAM")), "each modulation once but found 'QAM16' and '16QAM'"),
        (dict(mods=("64QAM", "QAM64")), "each modulation once but found '64QAM' and 'QAM64'"),
        (dict(mods=()), "at least one modulation but found none"),
        (dict(snrs=()), "at least one SNR label but found none"),
        (dict(snrs=(0, 2, 0)), "each SNR once"),
        (dict(snrs=(0, 101)), "SNR labels in dB, whole, of -100..100 but found 101"),
        (dict(snrs=(0.5,)), "SNR labels in dB, whole, of -100..100 but found 0.5"),
        (dict(frames=0), "frames, whole, of 1..2147483648 but found 0"),
        (dict(frames=2.5), "frames, whole, of .* but found 2.5"),
        (dict(seed=-1), "seed, whole, of 0..9.223372037e[+]18 but found -1"),
    ],
)
def test_impossible_extents_are_refused(extent, message):
    with pytest.raises(ConfigError, match=message):
        check_extent(Extent(**{"mods": ("QPSK",), "snrs": (0,), "frames": 2, **extent}), make_recipe("clean"))


def test_offset_qpsk_needs_half_a_symbol():
    with pytest.raises(ConfigError, match="even number of samples per symbol for OQPSK's half symbol but found 5"):
        check_extent(Extent(("OQPSK",), (0,), 1), make_recipe("clean", sps=(4, 5)))


def test_noise_only_class_without_noise_is_refused():
    with pytest.raises(ConfigError, match="AM-SSB would be all zeros"):
        check_extent(Extent(("AM-SSB",), (0,), 1), make_recipe("rml2016", impairments=("fading",)))


def test_names_of_sets_stand_for_their_modulations():
    assert expand_mods(["2018-digital"]) == MOD_SETS["2018-digital"]
    assert expand_mods(["BPSK", "QPSK"]) == ("BPSK", "QPSK")


@pytest.mark.parametrize("name", MOD_SETS)
def test_every_set_can_be_asked_for(name):
    check_extent(Extent(MOD_SETS[name], (0,), 1), make_recipe("clean"))
