"""Presets, switches, and what is refused."""

import json

import pytest

from common.errors import ConfigError
from data_prep.amr.recipe import MOD_SETS, SWITCHES, Extent, check_extent, expand_mods, make_recipe


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
        (dict(length=4), "frame length of 8..65536 samples but found 4"),
        (dict(sps=1), "2..64 samples per symbol, whole, but found 1"),
        (dict(sps=(4, 65)), "2..64 samples per symbol, whole, but found 65"),
        (dict(sps=7.5), "whole, but found 7.5"),
        (dict(sps=()), r"one or more values of sps, each once, but found \[\]"),
        (dict(rolloff=(0.2, 0.3, 0.2)), "one or more values of rolloff, each once"),
        (dict(rolloff=(0.3, 1.1)), "roll-off above 0 and up to 1 but found 1.1"),
        (dict(rolloff=0.0), "roll-off above 0 and up to 1 but found 0.0"),
        (dict(rolof=0.3), "found 'rolof'; did you mean 'rolloff'"),
        (dict(channel_seed=-1), "channel seed of 0..2147483647 but found -1"),
        (dict(path_delays=(0.0, 1.0)), "as many path delays as path gains but found 2 and 3"),
    ],
)
def test_impossible_recipes_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        make_recipe("clean", **changes)


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
        (dict(snrs=(0, 101)), r"labels of -100..100 dB"),
        (dict(frames=0), "frames >= 1"),
        (dict(seed=-1), "seed >= 0"),
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
