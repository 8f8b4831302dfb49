"""Docstrings of the losses name what can be given."""

import inspect
import re

import pytest

import common.losses
from common.losses.base import FunctionLoss


def documented(docstring):
    """The names in the section ``Args:``."""
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", inspect.cleandoc(docstring or ""), re.MULTILINE | re.DOTALL)
    return re.findall(r"^    (\w+):", section[1], re.MULTILINE) if section else []


def documented_callables():
    for name in common.losses.__all__:
        member = getattr(common.losses, name)
        if not (hasattr(member, "adapter") or documented(member.__doc__)):  # no loss, and shown by example
            continue
        if not isinstance(member, type):
            yield pytest.param(member, member.__doc__, id=name)
        elif not issubclass(member, (tuple, FunctionLoss)):  # those over functions are told of there
            yield pytest.param(member, member.__doc__, id=name)
            if documented(member.forward.__doc__):
                yield pytest.param(member.forward, member.forward.__doc__, id=f"{name}.forward")


@pytest.mark.parametrize(("called", "docstring"), documented_callables())
def test_the_arguments_are_those_of_the_signature(called, docstring):
    assert documented(docstring) == [name for name in inspect.signature(called).parameters if name != "self"]
