import argparse

import pytest
import torch

from common.command_line import choose_device, image_size, read_baseline, read_sources
from common.errors import ConfigError


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise ValueError(message)


def names(files, given=None, **options):
    return [source.name for source in read_sources(Parser(), files, given, **options)]


def test_pairs_are_named_in_their_order():
    sources = read_sources(Parser(), ["a.py", "a.pth", "b.py", "b.pth"], ["x", "y"])
    assert [(each.name, each.config, each.checkpoint) for each in sources] == [
        ("x", "a.py", "a.pth"),
        ("y", "b.py", "b.pth"),
    ]


def test_pairs_without_names_go_by_their_folders():
    assert names(["a.py", "runs/kd/last.pth", "b.py", "plain.pth"]) == ["kd", "plain"]
    assert names(["a.py", "1/kd/last.pth", "a.py", "2/kd/last.pth"]) == ["1 kd", "2 kd"]


def test_a_name_twice_stands_for_seeds():
    files = ["a.py", "0.pth", "a.py", "1.pth"]
    assert names(files, ["kd", "kd"]) == ["kd", "kd"]
    with pytest.raises(ValueError, match="expected 2 different --names but found kd, kd"):
        names(files, ["kd", "kd"], seeds=False)


@pytest.mark.parametrize(
    ("files", "given", "message"),
    [
        ([], None, "pairs of CONFIG CHECKPOINT but found 0 files"),
        (["a.py"], None, "pairs of CONFIG CHECKPOINT but found 1 files"),
        (["a.py", "a.pth"], ["x", "y"], "expected 1 --names, one for each pair, but found 2"),
    ],
)
def test_pairs_and_names_that_do_not_fit_are_refused(files, given, message):
    with pytest.raises(ValueError, match=message):
        names(files, given)


def test_the_baseline_is_the_first_network_or_the_one_that_is_named():
    sources = read_sources(Parser(), ["a.py", "a.pth", "b.py", "b.pth"], ["x", "y"])
    assert read_baseline(Parser(), None, sources) == "x"
    assert read_baseline(Parser(), "y", sources) == "y"
    with pytest.raises(ValueError, match="expected --baseline among x, y but found 'z'"):
        read_baseline(Parser(), "z", sources)


@pytest.mark.parametrize(
    ("asked", "there", "chosen"), [(None, "cuda", "cuda"), (None, "", "cpu"), ("cpu", "cuda", "cpu")]
)
def test_a_gpu_is_used_where_there_is_one(asked, there, chosen, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(there))
    assert choose_device(asked) == chosen


@pytest.mark.parametrize("asked", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_refused(asked, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=f"expected a GPU for --device {asked} but found none"):
        choose_device(asked)


@pytest.mark.parametrize("text", ["512", "512x", "0x10", "axb", "1x2x3"])
def test_an_image_size_has_two_sides(text):
    assert image_size("512X1024") == (512, 1024)
    with pytest.raises(argparse.ArgumentTypeError, match=f"but found '{text}'"):
        image_size(text)
