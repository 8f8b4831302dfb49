"""Parts of a student that start with its teacher's weights."""

import pytest
import torch
from toy_distillers import INPUTS, make

from common.errors import ConfigError


def weights(module):
    return torch.cat([value.flatten().float() for value in module.state_dict().values()])


def test_a_part_starts_with_the_teachers_weights_and_others_do_not():
    model = make(inherit=["head"], teacher_width=4)
    teacher = model.teachers["teacher"]
    before, fingerprint = weights(model.student.body), teacher.fingerprint()
    model.init_weights()
    assert torch.equal(weights(model.student.head), weights(teacher.model.head))
    assert not torch.equal(weights(model.student.body), weights(teacher.model.body))
    assert before.shape == weights(model.student.body).shape
    assert teacher.fingerprint() == fingerprint


def test_what_was_inherited_is_the_students_own():
    model = make(inherit={"teacher": ["head", "body"]}, teacher_width=4)
    model.init_weights()
    model.eval()  # the teacher's batch norm is
    teacher = model.teachers["teacher"]
    torch.testing.assert_close(model(INPUTS, None), teacher(INPUTS, None, mode="tensor"))
    fingerprint = teacher.fingerprint()
    with torch.no_grad():
        for parameter in model.student.parameters():
            parameter.add_(1)
    assert teacher.fingerprint() == fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inherit": ["heads"]}, "no module at tap path 'heads' .*did you mean 'head'"),
        ({"inherit": {"techer": ["head"]}}, "no teacher 'techer'; did you mean 'teacher'"),
        (
            {"inherit": ["head"]},
            r"expected head.weight of one shape but found \(3, 4, 1, 1\) in the student and \(3, 8, 1, 1\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make(**options)
