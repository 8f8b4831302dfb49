"""The page that holds the losses against others, and that it would say so if they did not agree."""

import runpy

import numpy as np
import pytest
import torch
from catalogue.base import Difference, Parity, mismatches
from conftest import ROOT
from golden_files import GoldenCase

tool = runpy.run_path(str(ROOT / "tools" / "loss_parity.py"))


def case(**arrays):
    stored = {"student": np.array([1.0, 2.0], dtype=np.float32), "loss": 5.0, "grad_student": np.array([2.0, 4.0])}
    return GoldenCase("case0", {name: np.asarray(value) for name, value in {**stored, **arrays}.items()})


def squares(given):
    return given["student"].square().sum()


def parity(**options):
    return Parity("square_loss", "none", "nobody", squares, "sum", **options)


def test_the_page_is_that_of_the_numbers_and_the_catalogue(tmp_path):
    tool["main"](["--out", str(tmp_path / "losses.md")])
    written = (tmp_path / "losses.md").read_text()
    assert written == (ROOT / "docs" / "losses.md").read_text(), "run python tools/loss_parity.py"
    assert "| differ" not in written


def test_equal_values_and_gradients_agree():
    assert parity().reference_mismatches(case()) == []


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"loss": 5 + 1e-7}, "loss: 1e-07 apart"),
        ({"grad_student": np.array([2.0, 4 + 1e-7])}, "gradient of loss by student: 1e-07 apart, of at most 4"),
        ({"loss": np.nan}, "loss: nan apart"),
    ],
)
def test_the_eighth_digit_of_a_value_or_gradient_is_noticed(arrays, found):
    (wrong,) = parity().reference_mismatches(case(**arrays))
    assert wrong.startswith(found)


def test_terms_and_variants_are_held_to_their_own_gradients():
    stored = case(
        **{
            "term_half": 2.5,
            "grad_student.term_half": np.array([1.0, 2.0]),
            "variant.twice": 10.0,
            "variant.twice.grad_student": np.array([4.0, 9.0]),
        }
    )
    assert mismatches(squares(stored) / 2, stored, "term_half") == []
    assert mismatches(squares(stored) / 2, stored, "loss") != []
    (wrong,) = mismatches(squares(stored) * 2, stored, "variant.twice")
    assert wrong.startswith("gradient of variant.twice by student: 1 apart")


@pytest.mark.parametrize(("factor", "verdict"), [(2, "by formula"), (3, "differ")])
def test_a_difference_must_give_the_other_value(factor, verdict):
    difference = Difference("N times ours", lambda case, ours: ours * factor)
    entry = parity(differences={"sum": difference})
    wrong = entry.variant_mismatches(case(**{"variant.sum": 10.0}), "sum")
    assert tool["verdict"](wrong, difference) == verdict


def test_a_variant_without_a_difference_must_equal_ours():
    assert parity().variant_mismatches(case(**{"variant.other": 5.0}), "other") == []
    assert parity().variant_mismatches(case(**{"variant.other": 5.1}), "other") != []


def test_a_conversion_stands_on_the_side_of_the_reference():
    stored = case(loss=11.0, grad_student=np.array([4.0, 8.0]))
    entry = parity(conversion=Difference("2 ours + 1", lambda case, ours: 2 * ours + 1))
    assert entry.reference_mismatches(stored) == []
    torch.testing.assert_close(entry.ours(stored).item(), 5.0)


@pytest.mark.parametrize(
    ("options", "verdict"),
    [({}, "by formula"), ({"switch": True}, "by switch"), ({"tolerance": 1e-7}, "by formula, 7 digits")],
)
def test_a_verdict_says_how_and_to_how_many_digits(options, verdict):
    assert tool["verdict"]([], Difference("why", lambda case, ours: ours, **options)) == verdict
    assert tool["verdict"]([], None) == "agree"
