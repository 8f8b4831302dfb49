"""Sums over chunks of rows."""

import weakref

import pytest
import torch

from common.losses.chunks import sum_over_rows


def part(rows, weights, keys):
    return ((rows @ keys.mT).exp() * weights).sum()


def tensors(requires_grad=True):
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 7, 3), (2, 7, 1), (2, 5, 3))
    return [
        torch.rand(*shape, generator=generator, dtype=torch.float64, requires_grad=requires_grad) for shape in shapes
    ]


@pytest.mark.parametrize("chunk_size", [1, 3, 6])
def test_value_and_every_gradient_are_those_of_the_whole(chunk_size):
    rows, weights, keys = given = tensors()
    whole = 3 * part(*given)
    chunked = 3 * sum_over_rows(part, chunk_size, (rows, weights), keys)
    torch.testing.assert_close(chunked, whole)
    torch.testing.assert_close(torch.autograd.grad(chunked, given), torch.autograd.grad(whole, given))


def test_a_tensor_that_is_rows_and_keys_gets_the_gradient_of_both():
    rows, weights, _ = tensors()
    whole = torch.autograd.grad(part(rows, weights, rows), rows)
    torch.testing.assert_close(torch.autograd.grad(sum_over_rows(part, 2, (rows, weights), rows), rows), whole)


def test_what_needs_no_gradient_gets_none_and_without_any_nothing_is_differentiated():
    rows, weights, keys = tensors(requires_grad=False)
    assert not sum_over_rows(part, 2, (rows, weights), keys).requires_grad
    keys.requires_grad_()
    sum_over_rows(part, 2, (rows, weights), keys).backward()
    assert keys.grad is not None
    assert rows.grad is None
    with torch.no_grad():
        assert not sum_over_rows(part, 2, (rows, weights), keys).requires_grad


def test_no_part_is_kept_until_the_backward_pass():
    """Only gradients as large as the arguments are."""
    kept = []

    def watched(rows, weights, keys):
        product = rows @ keys.mT
        kept.append(product)
        return (product.exp() * weights).sum()

    rows, weights, keys = tensors()
    value = sum_over_rows(watched, 2, (rows, weights), keys)
    alive = [weakref.ref(each) for each in kept]
    kept.clear()
    assert value.requires_grad
    assert len(alive) == 4
    assert all(each() is None for each in alive)


def test_an_impossible_chunk_is_refused():
    rows, weights, keys = tensors()
    with pytest.raises(ValueError, match="at least 1 but found 0"):
        sum_over_rows(part, 0, (rows, weights), keys)
