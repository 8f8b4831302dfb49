"""Write docs/losses.md: what our losses return beside the authors' code and other implementations.

Run it after a loss or the catalogue in tests/catalogue has changed. It needs nothing but the stored numbers.

Example:
    python tools/loss_parity.py
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]  # the project first: tests/common is not its common

from catalogue import LOSSES, PARITY  # noqa: E402
from catalogue.base import Difference  # noqa: E402

import common.losses  # noqa: E402
from common.errors import exit_on_user_error  # noqa: E402
from common.report import write_text  # noqa: E402

INTRODUCTION = """\
# Losses and what others return for them

Written by `python tools/loss_parity.py` from the numbers in `tests/golden` and the catalogue in `tests/catalogue`,
which the tests hold to. "Reference" is the authors' own code where there is some, run on the same inputs in float64;
its repository, and what it divides by, stand below the table. *Agree* means equal to 9 digits in all cases: the value,
and of the reference also the parts of the loss and the gradients of all by inputs and weights (9 digits of the largest
number of a gradient). Of other implementations a gradient is compared where one is stored. *By formula* and *by switch*
mean that the value is another and follows from ours as the last column says: by arithmetic, or with options of the same
loss; to as many digits, or those named.

To add a loss: write it in `common/losses`, enter it in `tests/catalogue` (a `LossEntry`, and a `Parity` if
there are numbers to hold it against), and run the command above.
"""


def verdict(mismatches: list[str], difference: Difference | None) -> str:
    """Whether the values agree, or are as far apart as they should be."""
    if mismatches:
        return "differ"
    if difference is None:
        return "agree"
    digits = round(-math.log10(difference.tolerance))
    return ("by switch" if difference.switch else "by formula") + (f", {digits} digits" if digits < 9 else "")


def reference_rows() -> Iterator[list[str]]:
    """A row for each golden file: loss, file, cases, our value and the reference's for the first, verdict, why."""
    for entry in PARITY:
        cases = entry.cases()
        wrong = [found for case in cases for found in entry.reference_mismatches(case)]
        yield [
            f"`{entry.loss}`",
            entry.golden,
            str(len(cases)),
            f"{entry.ours(cases[0]).item():.8g}",
            f"{cases[0].value(entry.of):.8g}",
            verdict(wrong, entry.conversion),
            entry.conversion.why if entry.conversion else "",
        ]


def variant_rows() -> Iterator[list[str]]:
    """A row for each other implementation of each loss: the first case that has it, and the verdict over all."""
    for entry in PARITY:
        cases = entry.cases()
        for name in dict.fromkeys(name for case in cases for name in entry.variants(case)):
            having = [case for case in cases if name in entry.variants(case)]
            wrong = [found for case in having for found in entry.variant_mismatches(case, name)]
            difference = entry.difference(name)
            ours, theirs = entry.ours(having[0]).item(), entry.variants(having[0])[name]
            yield [
                f"`{entry.loss}`",
                name.replace("_", " "),
                f"{ours:.8g}",
                f"{theirs:.8g}",
                f"{theirs / ours:.6g}" if ours else "-",
                verdict(wrong, difference),
                difference.why if difference else "",
            ]


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [columns, ["-" * max(len(column), 3) for column in columns], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def without_reference() -> list[str]:
    """A line for each loss that no stored number covers: its name and the first line of its docstring."""
    covered = {entry.loss for entry in PARITY}
    names = {entry.name: None for entry in LOSSES if entry.name not in covered}  # some have several entries
    return [f"- `{name}`: {(getattr(common.losses, name).__doc__ or '').strip().splitlines()[0]}" for name in names]


def page() -> str:
    """The whole page."""
    columns = ["loss", "numbers", "cases", "ours (first case)", "reference", "", "why"]
    parts = [INTRODUCTION, "## Beside the reference\n", markdown(columns, list(reference_rows())), ""]
    for entry in PARITY:
        remark = f" Note: {entry.remark}." if entry.remark else ""
        parts.append(f"- `{entry.loss}` ({entry.golden}): `{entry.reference}`; {entry.reduction}.{remark}")
    columns = ["loss", "implementation or form", "ours", "theirs", "theirs / ours", "", "why"]
    parts += ["\n## Beside other implementations\n", markdown(columns, list(variant_rows()))]
    parts += ["\n## Without stored numbers\n", "Checked by arithmetic, by other libraries and by finite differences.\n"]
    parts += [*without_reference(), ""]
    return "\n".join(parts)


@exit_on_user_error
def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=str(PROJECT / "docs" / "losses.md"), help="(docs/losses.md)")
    args = parser.parse_args(argv)
    write_text(args.out, page())


if __name__ == "__main__":
    sys.exit(main())
