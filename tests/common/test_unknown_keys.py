import pytest
import torch
from mmengine.registry import MODELS

from common.unknown_keys import explain


@MODELS.register_module(force=True)
class Registered(torch.nn.Linear):
    pass


def raised(call):
    with pytest.raises(TypeError) as error:
        call()
    return error.value


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Registered(2, 2, bia=True), "Linear has no key 'bia'; did you mean 'bias'?"),
        (lambda: torch.utils.data.DataLoader([], btach_size=1), "DataLoader has no key 'btach_size'"),
        (lambda: dict.fromkeys(), "fromkeys expected at least 1 argument, got 0"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_that_there_is(call, said):
    assert explain(raised(call)).startswith(said)


def test_what_nobody_registered_has_no_hint():
    error = TypeError("made.<locals>.Own.__init__() got an unexpected keyword argument 'x'")
    assert explain(error) == "Own has no key 'x'"


def test_other_errors_come_in_one_line():
    assert explain(ValueError("one\n  two")) == "one two"
