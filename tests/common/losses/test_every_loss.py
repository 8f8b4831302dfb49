"""What holds for every loss of the package; `catalogue` says what each is called with."""

import inspect
import itertools

import pytest
import torch
from catalogue import LOSSES, PARITY
from catalogue.base import as_scalar
from tolerances import TOLERANCES, assert_near

import common.losses
from common.losses.base import FunctionLoss, ShapedLoss

GOLDEN = [pytest.param(entry, case, id=f"{entry}-{case.name}") for entry in PARITY for case in entry.cases()]
MODULES = [
    module
    for module in (getattr(common.losses, name) for name in common.losses.__all__)
    if isinstance(module, type) and issubclass(module, FunctionLoss)
]
BATCH = 3


def each(condition=lambda entry: True):
    return pytest.mark.parametrize("entry", [entry for entry in LOSSES if condition(entry)], ids=str)


def each_by_default_and_with_options():
    pairs = [(entry, options) for entry in LOSSES for options in ([{}, entry.options] if entry.options else [{}])]
    names = [f"{entry}-{'options' if options else 'default'}" for entry, options in pairs]
    return pytest.mark.parametrize(("entry", "options"), pairs, ids=names)


def each_with(attribute):
    pairs = [(entry, item) for entry in LOSSES for item in getattr(entry, attribute)]
    return pytest.mark.parametrize(("entry", "item"), pairs, ids=[f"{e}-{i.name}" for e, i in pairs])


def is_float(value):
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def tracked(inputs, names):
    """Inputs whose tensors under ``names`` are leaves that require gradients."""

    def leaf(value):
        if isinstance(value, (list, tuple)):
            return [leaf(each) for each in value]
        return value.detach().clone().requires_grad_() if is_float(value) else value

    return {name: leaf(value) if name in names else value for name, value in inputs.items()}


def leaves(inputs, names):
    values = (inputs[name] for name in names)
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [value for value in flat if is_float(value) and value.requires_grad]


def converted(inputs, dtype):
    def cast(value):
        if isinstance(value, (list, tuple)):
            return [cast(each) for each in value]
        return value.to(dtype) if is_float(value) else value

    return {name: cast(value) for name, value in inputs.items()}


def mapped(inputs, names, function):
    def of(value):
        return [function(each) for each in value] if isinstance(value, (list, tuple)) else function(value)

    return {name: of(value) if name in names else value for name, value in inputs.items()}


def value_and_gradients(entry, inputs, loss=None):
    inputs = tracked(inputs, entry.students)
    loss = entry.built(_dtype(inputs, entry)) if loss is None else loss
    value = as_scalar(loss(**inputs))
    value.backward()
    return value.detach(), [leaf.grad for leaf in leaves(inputs, entry.students)]


def assert_gradients_near(found, expected, dtype):
    """Hold a gradient against the tolerance of ``dtype``, relative to its largest number, however small that is."""
    scale = expected.abs().max()
    assert scale > 0
    assert_near(found.double() / scale, expected.double() / scale, dtype, "gradient")


def _dtype(inputs, entry):
    return leaves(inputs, entry.students)[0].dtype


def is_a_loss(name):
    member = getattr(common.losses, name)
    if isinstance(member, type):  # modules over functions are tested with their function
        return (name.endswith("Loss") or issubclass(member, ShapedLoss)) and not issubclass(member, FunctionLoss)
    return name.endswith("_loss")


def test_the_catalogue_holds_every_loss():
    assert {name for name in common.losses.__all__ if is_a_loss(name)} == {entry.name for entry in LOSSES}


@pytest.mark.parametrize(("entry", "case"), GOLDEN)
def test_values_terms_and_gradients_agree_with_the_reference(entry, case):
    assert case.gradients(entry.of), "nothing to hold the gradient against"
    assert entry.reference_mismatches(case) == []


@pytest.mark.parametrize(("entry", "case"), GOLDEN)
def test_other_implementations_differ_only_as_the_catalogue_says(entry, case):
    for variant in entry.variants(case):
        assert entry.variant_mismatches(case, variant) == []


@pytest.mark.parametrize("entry", PARITY, ids=str)
def test_every_difference_is_that_of_a_variant(entry):
    variants = {variant for case in entry.cases() for variant in entry.variants(case)}
    assert [part for part in entry.differences if not any(part in variant for variant in variants)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_module_is_its_function_with_the_options_kept(module):
    function = module.function
    entry = next(entry for entry in LOSSES if entry.name == function.__name__)
    hyperparameters = inspect.signature(module).parameters
    assert entry.options.keys() == hyperparameters.keys(), "the catalogue sets every hyperparameter"
    assert all(entry.options[name] != parameter.default for name, parameter in hyperparameters.items())
    inputs = {name: value for name, value in entry.inputs(BATCH).items() if name not in hyperparameters}
    default, expected = as_scalar(function(**inputs)), as_scalar(function(**inputs, **entry.options))
    assert as_scalar(module(**entry.options)(**inputs)) == expected
    assert not hyperparameters or expected != default
    names = list(itertools.takewhile(inputs.__contains__, list(inspect.signature(module.forward).parameters)[1:]))
    by_place = [inputs.pop(name) for name in names]
    assert as_scalar(module()(*by_place, **inputs)) == default
    for attribute in ("adapter", "resize", "levels"):
        assert getattr(module, attribute) == getattr(function, attribute)


@each(lambda entry: entry.gradcheck)
def test_gradient_by_finite_differences(entry):
    inputs = tracked(entry.inputs(BATCH), entry.students)
    loss = entry.built()
    variables = leaves(inputs, entry.students)
    # gradcheck moves the leaves in place, which the inputs hold.
    assert torch.autograd.gradcheck(lambda *_: as_scalar(loss(**inputs)), variables, atol=1e-6)


@each(lambda entry: entry.divergence)
def test_zero_with_finite_gradient_where_student_and_teacher_agree(entry):
    inputs = entry.inputs(BATCH)
    if entry.equal is not None:
        inputs = entry.equal(inputs)
    else:
        inputs = {**inputs, **{t: inputs[s] for s, t in zip(entry.students, entry.teachers, strict=True)}}
    value, gradients = value_and_gradients(entry, inputs)
    assert value.abs() < 1e-10
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert all(gradient.abs().max() < 1e-6 for gradient in gradients)


@each()
def test_the_loss_is_a_scalar_that_reaches_every_student_tensor(entry):
    value, gradients = value_and_gradients(entry, entry.inputs(BATCH))
    assert value.shape == ()
    assert value.dtype == torch.float64
    assert all(
        gradient is not None and gradient.isfinite().all() and gradient.abs().max() > 0 for gradient in gradients
    )


@each_by_default_and_with_options()
def test_a_sample_of_zeros_gives_gradients_of_ordinary_size(entry, options):
    def emptied(value):
        return value * torch.tensor([0.0, 1.0, 1.0]).to(value).view(-1, *[1] * (value.dim() - 1))

    inputs = {**entry.inputs(BATCH), **options}
    _, ordinary = value_and_gradients(entry, inputs)
    _, gradients = value_and_gradients(entry, mapped(inputs, entry.students, emptied))
    for gradient, usual in zip(gradients, ordinary, strict=True):
        assert gradient.isfinite().all()
        assert gradient.abs().max() <= 10 * usual.abs().max()


@each()
@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.uint8], ids=str)
def test_labels_and_indices_of_few_bits_are_read_as_numbers(entry, dtype):
    def narrowed(value):
        return value.to(dtype) if isinstance(value, torch.Tensor) and value.dtype == torch.long else value

    inputs, loss = entry.inputs(BATCH), entry.built()
    narrow = {name: narrowed(value) for name, value in inputs.items()}
    assert as_scalar(loss(**narrow)) == as_scalar(loss(**inputs))


@each(lambda entry: entry.smallest_batch == 1)
def test_a_batch_of_one_gives_a_finite_loss(entry):
    value, gradients = value_and_gradients(entry, entry.inputs(1))
    assert value.isfinite()
    assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)


@each(lambda entry: entry.smallest_batch > 1)
def test_a_batch_too_small_is_refused(entry):
    with pytest.raises(ValueError, match=f"at least {entry.smallest_batch}"):
        entry.built()(**entry.inputs(entry.smallest_batch - 1))


@each(lambda entry: entry.teachers)
def test_no_gradient_reaches_the_teacher(entry):
    inputs = tracked(entry.inputs(BATCH), (*entry.students, *entry.teachers))
    as_scalar(entry.built()(**inputs)).backward()
    assert all(leaf.grad is None for leaf in leaves(inputs, entry.teachers))


@each(lambda entry: entry.permutes)
def test_the_order_of_the_samples_does_not_matter(entry):
    inputs = entry.inputs(BATCH)
    order = torch.tensor([2, 0, 1])

    def turned(value):
        if isinstance(value, torch.Tensor):
            return value[order] if value.dim() and len(value) == BATCH else value
        if isinstance(value, (list, tuple)) and len(value) == BATCH and all(isinstance(v, torch.Tensor) for v in value):
            return [turned(each) if len(each) == BATCH else each for each in value]
        return [turned(each) for each in value] if isinstance(value, (list, tuple)) else value

    loss = entry.built()
    found = as_scalar(loss(**{name: turned(value) for name, value in inputs.items()}))
    assert_near(found, as_scalar(loss(**inputs)), torch.float64)


@each_with("invariances")
def test_invariance(entry, item):
    inputs = entry.inputs(BATCH)
    loss = entry.built()
    torch.testing.assert_close(as_scalar(loss(**item.change(inputs))), as_scalar(loss(**inputs)), rtol=1e-6, atol=1e-9)


@each(lambda entry: entry.logits)
def test_a_logit_gap_of_120_stays_finite_in_float32(entry):
    inputs = converted(entry.inputs(BATCH), torch.float32)

    def peaked(value, place):
        flat = torch.zeros_like(value).flatten(1)
        flat[:, place] = 120.0
        return flat.view_as(value)

    inputs = mapped(inputs, entry.students, lambda value: peaked(value, 0))
    inputs = mapped(inputs, entry.teachers, lambda value: peaked(value, -1))
    value, gradients = value_and_gradients(entry, inputs)
    assert value.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients)


@each()
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_tensors_under_autocast_are_computed_in_float32(entry, dtype):
    inputs = converted(entry.inputs(BATCH), dtype)
    loss = entry.built(torch.float32)
    with torch.autocast("cpu", dtype):
        value, gradients = value_and_gradients(entry, inputs, loss)
    assert value.dtype == torch.float32
    # The same rounded inputs in float32: what is left is the order of operations.
    expected, expected_gradients = value_and_gradients(
        entry, converted(inputs, torch.float32), entry.built(torch.float32)
    )
    assert_near(value, expected, torch.float32, "value")
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        assert_gradients_near(found, wanted, dtype)


@each()
def test_float32_agrees_with_float64(entry):
    inputs = converted(entry.inputs(BATCH), torch.float32)
    value, gradients = value_and_gradients(entry, inputs)
    expected, expected_gradients = value_and_gradients(entry, converted(inputs, torch.float64))
    assert value.dtype == torch.float32
    assert_near(value, expected, torch.float32, "value")
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        assert_gradients_near(found, wanted, torch.float32)


@each(lambda entry: entry.compiles)
def test_compiled_equals_eager(entry):
    torch._dynamo.reset()
    inputs = entry.inputs(BATCH)
    eager, gradients = value_and_gradients(entry, inputs)
    compiled = torch.compile(entry.built(), backend="aot_eager", fullgraph=True)
    value, found = value_and_gradients(entry, inputs, compiled)
    assert_near(value, eager, torch.float64)
    for one, other in zip(found, gradients, strict=True):
        assert_near(one, other, torch.float64)


@each(lambda entry: entry.students)
def test_integer_maps_are_refused(entry):
    inputs = mapped(entry.inputs(BATCH), entry.students[:1], lambda value: value.long())
    with pytest.raises(ValueError, match=r"expected floating-point .* but found torch\.int64"):
        entry.built()(**inputs)


@each(lambda entry: entry.teachers)
def test_a_teacher_of_another_batch_is_refused(entry):
    inputs = mapped(entry.inputs(BATCH), entry.teachers[:1], lambda value: value[:-1])
    with pytest.raises(ValueError, match=r"expected .* but found"):
        entry.built()(**inputs)


@each()
def test_an_empty_batch_is_refused(entry):
    inputs = mapped(entry.inputs(BATCH), (*entry.students, *entry.teachers), lambda value: value[:0])
    with pytest.raises(ValueError, match=r"expected .* but found"):
        entry.built()(**inputs)


@each_with("refusals")
def test_refusal(entry, item):
    with pytest.raises(ValueError, match=item.message):
        entry.built()(**item.change(entry.inputs(BATCH)))


def test_the_tolerances_loosen_with_the_precision():
    order = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
    assert [TOLERANCES[dtype] for dtype in order] == sorted(TOLERANCES.values())
