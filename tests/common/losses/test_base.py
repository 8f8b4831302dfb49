"""Losses as functions in full precision, as modules over functions, and as modules with layers from shapes."""

import inspect

import pytest
import torch
from torch import Tensor, nn

from common.losses import KDLoss, kd_loss
from common.losses.base import FunctionLoss, ShapedLoss, full_precision, is_tensor_argument, loss_function


@loss_function(adapter="auto", resize=False, levels="all")
def scaled_loss(student: Tensor, teacher: Tensor, temperature: float = 2.0, weights: Tensor | None = None) -> Tensor:
    """The weighted sum of differences over the temperature."""
    difference = (student - teacher) / temperature
    return (difference if weights is None else difference * weights).sum()


class ScaledLoss(FunctionLoss, function=scaled_loss):
    """Module over `scaled_loss`."""


PAIR = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 1.0])


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_tensors_are_computed_in_float32_wherever_they_stand(half):
    @full_precision
    def dtypes(one, more, named=None):
        return [one.dtype, *(each.dtype for each in more), named.dtype]

    tensor = torch.zeros(2, dtype=half)
    assert dtypes(tensor, [tensor, tensor], named=tensor) == [torch.float32] * 4


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.bool])
def test_other_tensors_are_left_as_they_are(dtype):
    assert full_precision(lambda tensor: tensor.dtype)(torch.zeros(2, dtype=dtype)) == dtype


def test_autocast_is_off_inside_and_on_again_behind():
    product = full_precision(lambda tensor: (tensor @ tensor).dtype)
    ones = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert product(ones) == torch.float32
        assert (ones @ ones).dtype == torch.bfloat16


def test_a_loss_declares_how_it_is_wired():
    assert (scaled_loss.adapter, scaled_loss.resize, scaled_loss.levels) == ("auto", False, "all")
    plain = loss_function()(lambda student: student)
    assert (plain.adapter, plain.resize, plain.levels) == (None, True, "each")


def test_unknown_levels_are_refused():
    with pytest.raises(ValueError, match=r"expected levels to be one of \('each', 'all'\) but found 'some'"):
        loss_function(levels="some")


def test_arguments_without_a_default_or_annotated_as_such_take_tensors():
    def loss(student, weights: "Tensor | None" = None, scale: float = 1.0, *rest, **options): ...

    parameters = inspect.signature(loss).parameters.values()
    assert [p.name for p in parameters if is_tensor_argument(p)] == ["student", "weights"]


def test_a_module_takes_the_hyperparameters_in_their_order():
    assert list(inspect.signature(ScaledLoss).parameters) == ["temperature"]
    assert ScaledLoss(4.0).options == ScaledLoss(temperature=4.0).options == {"temperature": 4.0}
    assert ScaledLoss().options == {"temperature": 2.0}
    assert str(ScaledLoss(4.0)) == "ScaledLoss(temperature=4.0)"


def test_a_module_is_called_with_the_tensors_by_place_or_name():
    student, teacher = PAIR
    weights = torch.tensor([1.0, 0.0])
    assert list(inspect.signature(ScaledLoss.forward).parameters) == ["self", "student", "teacher", "weights"]
    loss = ScaledLoss(4.0)
    assert loss(student, teacher) == loss(teacher=teacher, student=student) == 6 / 4
    assert loss(student, teacher, weights) == loss(student, teacher, weights=weights) == 2 / 4


def test_a_module_has_the_wiring_of_its_function():
    assert (ScaledLoss.adapter, ScaledLoss.resize, ScaledLoss.levels) == ("auto", False, "all")


@pytest.mark.parametrize(("given", "message"), [({"tau": 1.0}, "unexpected keyword argument 'tau'"), ((1, 2), "many")])
def test_a_module_refuses_hyperparameters_that_the_function_lacks(given, message):
    with pytest.raises(TypeError, match=f"ScaledLoss: .*{message}"):
        ScaledLoss(**given) if isinstance(given, dict) else ScaledLoss(*given)


def test_a_module_refuses_a_temperature_of_0():
    with pytest.raises(ValueError, match="temperature above 0 but found 0"):
        ScaledLoss(0)


@pytest.mark.parametrize(
    ("args", "kwargs", "found"),
    [
        ((*PAIR, None, 4.0), {}, "4 positional"),
        (PAIR, {"temperature": 4.0}, "2 positional, temperature"),
        (PAIR, {"mask": None}, "2 positional, mask"),
    ],
)
def test_a_call_with_more_than_the_tensors_names_what_it_takes(args, kwargs, found):
    message = rf"expected ScaledLoss to be called with \(student, teacher, weights\) but found {found}"
    with pytest.raises(TypeError, match=message):
        ScaledLoss()(*args, **kwargs)


def test_a_call_without_a_tensor_is_a_type_error():
    with pytest.raises(TypeError, match="teacher"):
        ScaledLoss()(PAIR[0])


def test_a_module_compiles_in_one_graph():
    torch._dynamo.reset()
    loss, scores, target = KDLoss(ignore_index=1), torch.randn(3, 4), torch.tensor([0, 1, 2])
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    expected = kd_loss(scores, scores.flip(0), target=target, ignore_index=1)
    torch.testing.assert_close(compiled(scores, scores.flip(0), target), expected)


class Projected(ShapedLoss):
    """A projection to so many outputs."""

    def __init__(self, inputs=None, outputs=None):
        super().__init__(inputs=inputs, outputs=outputs)

    def widths(self, student, teacher):
        return {"inputs": student[1], "outputs": teacher[1]}

    def make_layers(self, inputs, outputs):
        self.layer = nn.Linear(inputs, outputs)

    def forward(self, student, teacher):
        self.check_built()
        return (self.layer(student) - teacher).square().mean()


SHAPES = {"student": torch.Size([2, 3]), "teacher": torch.Size([2, 5])}


def test_layers_are_made_at_once_where_the_widths_are_given():
    loss = Projected(7, 8)
    assert loss.built
    layer = loss.layer
    loss.build(**SHAPES)
    assert loss.layer is layer


def test_layers_are_made_once_from_shapes():
    loss = Projected()
    assert not loss.built
    loss.build(**SHAPES)
    layer = loss.layer
    loss.build(**SHAPES)
    assert loss.layer is layer
    assert layer.weight.shape == (5, 3)


def test_a_given_width_stands_above_that_of_the_shapes():
    loss = Projected(outputs=4)
    loss.build(**SHAPES)
    assert loss.layer.weight.shape == (4, 3)


def test_a_loss_without_layers_says_which_widths_are_missing():
    with pytest.raises(RuntimeError, match=r"Projected has no layers yet: give inputs= or call build\(\) with shapes"):
        Projected(outputs=4)(torch.zeros(2, 3), torch.zeros(2, 4))
