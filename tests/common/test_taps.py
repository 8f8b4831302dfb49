"""What a tap names, what it captures, and what is said where it captures nothing."""

import copy

import pytest
import torch
from torch import nn

from common.errors import ConfigError
from common.taps import Taps, find_module


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.head = nn.Conv2d(4, 2, 1)
        self.unused = nn.Linear(1, 1)

    def forward(self, x):
        return self.head(self.layers(x))


class Pyramid(nn.Module):
    def __init__(self):
        super().__init__()
        self.split = Split()
        self.shared = nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return [self.shared(level) for level in self.split(x)]


class Split(nn.Module):
    def forward(self, x):
        return x, x[..., ::2, ::2]


IMAGE = torch.arange(2 * 3 * 4 * 4.0).reshape(2, 3, 4, 4) / 50 - 1


def captured(model, passes=1, **paths):
    taps = Taps(model, paths)
    for _ in range(passes):
        with taps.capture() as values:
            model(IMAGE)
    return values


def test_path_is_a_name_of_named_modules_and_lists_may_be_counted_from_the_end():
    model = Net()
    assert find_module(model, "layers.0") is model.layers[0]
    assert find_module(model, "layers.-1") is model.layers[2]


def test_misspelt_path_names_it_and_the_nearest_modules():
    with pytest.raises(ConfigError, match=r"'layer\.0' in Net; did you mean 'layers\.0'"):
        find_module(Net(), "layer.0")


@pytest.mark.parametrize("path", ["", ":input", "head[one]", "head:output", "head[0]x"])
def test_unreadable_path_shows_the_forms_there_are(path):
    with pytest.raises(ConfigError, match=r"expected 'a.b.c', 'a.b:input' or 'a.b\[1\]'"):
        Taps(Net(), {"tap": path})


def test_output_and_input_are_what_the_module_gave_and_got():
    model = Net().eval()
    values = captured(model, out="head", before="head:input")
    torch.testing.assert_close(values["out"], model(IMAGE))
    torch.testing.assert_close(values["before"], model.layers(IMAGE))


def test_index_picks_an_element_of_a_tuple():
    values = captured(Pyramid(), second="split[1]", last="split[-1]")
    torch.testing.assert_close(values["second"], IMAGE[..., ::2, ::2])
    torch.testing.assert_close(values["last"], IMAGE[..., ::2, ::2])


@pytest.mark.parametrize(("path", "found"), [("split[2]", "2 elements"), ("shared[7]", "Tensor")])
def test_index_that_is_not_there_says_what_is(path, found):
    model = Pyramid()
    taps = Taps(model, {"tap": path})
    with pytest.raises(ConfigError, match=f"element {path[-2]} but found {found}"), taps.capture():
        model(IMAGE)


def test_module_run_once_per_level_gives_the_list_in_order():
    values = captured(Pyramid(), shared="shared")
    assert [tuple(v.shape[-2:]) for v in values["shared"]] == [(4, 4), (2, 2)]


def test_gradient_flows_through_a_captured_value():
    model = Net()
    taps = Taps(model, {"tap": "layers.0"})
    for _ in range(3):
        model.zero_grad()
        with taps.capture() as values:
            model(IMAGE)
        values["tap"].square().sum().backward()
        assert model.layers[0].weight.grad.abs().sum() > 0


def test_tap_that_never_fires_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match=r"tap 'quiet' at 'unused' of the student never fired"):
        captured(Net(), quiet="unused")


def test_module_called_without_positional_input_has_none_to_tap():
    class ByName(Net):
        def forward(self, x):
            return self.head(input=self.layers(x))

    with pytest.raises(ConfigError, match=r"without a positional input"):
        captured(ByName(), tap="head:input")


@pytest.mark.parametrize("passes", [1, 2, 5])
@pytest.mark.parametrize("path", ["layers.1", "layers.2:input"])
def test_value_overwritten_in_place_is_captured_as_it_was(passes, path):
    model = Net().eval()
    expected = model.layers[1](model.layers[0](IMAGE))
    assert expected.min() < 0  # what the ReLU behind it overwrites
    torch.testing.assert_close(captured(model, passes, tap=path)["tap"], expected)


def test_value_within_a_tuple_overwritten_in_place_is_captured_as_it_was():
    class Overwriting(Pyramid):
        def forward(self, x):
            levels = self.split(x.clone())
            levels[0].zero_()
            return self.shared(levels[0])

    torch.testing.assert_close(captured(Overwriting(), 4, tap="split")["tap"][0], IMAGE)


def test_overwritten_taps_are_listed_and_others_are_not_copied():
    model = Net()
    taps = Taps(model, {"over": "layers.1", "kept": "layers.0"})
    outputs = []
    model.layers[0].register_forward_hook(lambda *args: outputs.append(args[2]))
    for _ in range(3):
        with taps.capture() as values:
            model(IMAGE)
    assert taps.overwritten == {"over"}
    assert values["kept"] is outputs[-1]


def test_value_overwritten_only_later_on_is_an_error():
    model = Net()
    model.layers[2] = nn.ReLU()
    taps = Taps(model, {"tap": "layers.1"})
    for _ in range(2):
        with taps.capture():
            model(IMAGE)
    model.layers[2] = nn.ReLU(inplace=True)
    with (
        pytest.raises(ConfigError, match=r"'tap' at 'layers.1' of the student was overwritten in place"),
        taps.capture(),
    ):
        model(IMAGE)


def test_stopping_early_leaves_out_what_follows_the_last_tap():
    model, runs = Net(), []
    model.head.register_forward_hook(lambda *_: runs.append("head"))
    taps = Taps(model, {"tap": "layers.0"})
    for _ in range(3):
        with taps.capture(stop_early=True) as values:
            model(IMAGE)
        assert values["tap"].shape == (2, 4, 4, 4)
    assert runs == ["head"]  # the first pass, which finds out how often taps fire


def test_stopping_early_waits_for_every_level():
    model = Pyramid()
    taps = Taps(model, {"shared": "shared"})
    for _ in range(2):
        with taps.capture(stop_early=True) as values:
            model(IMAGE)
        assert len(values["shared"]) == 2


def test_nothing_is_recorded_outside_of_a_capture():
    model = Net()
    taps = Taps(model, {"tap": "head"})
    with taps.capture() as values:
        model(IMAGE)
    before = values["tap"]
    model(IMAGE + 1)
    assert values["tap"] is before


def test_error_in_the_network_passes_and_the_taps_work_afterwards():
    model = Net()
    taps = Taps(model, {"tap": "head"})
    with pytest.raises(RuntimeError), taps.capture():
        model(IMAGE[:, :2])
    with taps.capture() as values:
        model(IMAGE)
    assert values["tap"].shape == (2, 2, 4, 4)


def test_copied_network_has_taps_of_its_own():
    model = Net()
    model.taps = Taps(model, {"tap": "head"})
    twin = copy.deepcopy(model)
    with twin.taps.capture() as values:
        twin(IMAGE)
    assert values["tap"].shape == (2, 2, 4, 4)
    with pytest.raises(ConfigError, match=r"never fired"), model.taps.capture():
        twin(IMAGE)


def test_shared_taps_are_not_copied():
    taps = Taps(Net(), {"tap": "head"}, shared=True)
    assert copy.deepcopy(taps) is taps


def test_closed_taps_leave_no_hook():
    model = Net()
    taps = Taps(model, {"tap": "head", "before": "head:input"})
    taps.close()
    assert not model.head._forward_hooks
    assert not model.head._forward_pre_hooks
