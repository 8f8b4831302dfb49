"""Write docs/losses.md: what our losses return beside the authors' code and other implementations.

Run it after a loss or the catalogue in tests/catalogue has changed. It needs nothing but the stored numbers.

Example:
    python tools/loss_parity.py
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "tests"))

from catalogue import LOSSES, PARITY  # noqa: E402
from catalogue.base import Parity  # noqa: E402
from golden_files import GoldenCase, golden_cases  # noqa: E402

import common.losses  # noqa: E402
from common.errors import exit_on_user_error  # noqa: E402
from common.report import write_text  # noqa: E402

INTRODUCTION = """\
# Losses and what others return for them

Written by `python tools/loss_parity.py` from the numbers in `tests/golden` and the catalogue in `tests/catalogue`,
which the tests hold to. "Reference" is the authors' own code where there is some, run on the same inputs in float64;
its repository, and what it divides by, stand below the table. *Agree* means equal to 9 digits (7 where a small
constant is added in another place), in value and in gradient.

To add a loss: write it in `common/losses`, enter it in `tests/catalogue` (a `LossEntry`, and a `Parity` if
there are numbers to hold it against), and run the command above.
"""


def ours(entry: Parity, case: GoldenCase) -> float:
    """Our value for a case."""
    result = entry.run(case)
    return float((result["loss"] if isinstance(result, dict) else result).detach())


def verdict(value: float, reference: float) -> str:
    """Whether two values agree."""
    close = abs(value - reference) <= 1e-6 * max(abs(reference), 1e-12)
    return "agree" if close else "differ"


def reference_rows() -> Iterator[list[str]]:
    """A row for each golden file: loss, file, cases, our value and the reference's for the first, verdict."""
    for entry in PARITY:
        cases = [case for case in golden_cases(entry.golden) if case.name not in entry.skip]
        found = [(ours(entry, case), case.value()) for case in cases]
        agree = all(verdict(*pair) == "agree" for pair in found)
        first = found[0]
        yield [
            f"`{entry.loss}`",
            entry.golden,
            str(len(cases)),
            f"{first[0]:.8g}",
            f"{first[1]:.8g}",
            "agree" if agree else "differ",
        ]


def variant_rows() -> Iterator[list[str]]:
    """A row for each other implementation of each loss, by its first case."""
    for entry in PARITY:
        seen = set()
        for case in golden_cases(entry.golden):
            if case.name in entry.skip:
                continue
            for name, value in case.variants().items():
                if name in seen:
                    continue
                seen.add(name)
                mine = ours(entry, case)
                reason = next((why for part, why in entry.differences.items() if part in name), "")
                switch = next((run for part, run in entry.switch.items() if part in name), None)
                if switch is not None:
                    reason = f"{reason + '; ' if reason else ''}ours by switch: {float(switch(case).detach()):.8g}"
                ratio = f"{value / mine:.6g}" if mine else "-"
                yield [
                    f"`{entry.loss}`", name.replace("_", " "), f"{mine:.8g}", f"{value:.8g}", ratio,
                    verdict(mine, value), reason,
                ]  # fmt: skip


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [columns, ["-" * max(len(column), 3) for column in columns], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def without_reference() -> list[str]:
    """A line for each loss that no stored number covers: its name and the first line of its docstring."""
    covered = {entry.loss for entry in PARITY}
    names = [entry.name for entry in LOSSES if entry.name not in covered]
    return [f"- `{name}`: {(getattr(common.losses, name).__doc__ or '').strip().splitlines()[0]}" for name in names]


def page() -> str:
    """The whole page."""
    columns = ["loss", "numbers", "cases", "ours (first case)", "reference", ""]
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
