"""Run the missing cells of a table over its seeds, and print paper against measured.

Results are kept as one JSON per cell under results/TABLE, with commit, hardware and command; a cell that has one is
not run again, and a row whose config has changed since is marked. A run that was cut off goes on where it was. Where
a row needs a teacher whose checkpoint is not here, that is trained again; its result stays.

Example:
    python tools/reproduce.py seg_camvid_small --data-root PATH_TO_CAMVID --jobs 2
"""

from __future__ import annotations

import argparse
import sys

from common.errors import exit_on_user_error
from common.report import write_text
from common.reproduction import Reproduction
from common.tables import check_configs, load_table


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="a name in configs/tables, or a file")
    parser.add_argument("--data-root", help="the data folder, in place of the configs'")
    parser.add_argument("--work-dir", default="work_dirs", help="for checkpoints and logs (%(default)s)")
    parser.add_argument("--results", default="results", help="for results (%(default)s)")
    parser.add_argument("--device", help="cpu or cuda, for the evaluation")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time (%(default)s)")
    parser.add_argument("--show", action="store_true", help="run and write nothing, print what there is")
    return parser.parse_args(argv)


@exit_on_user_error
def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    table = load_table(args.table)
    check_configs(table)
    runs = Reproduction(table, args.work_dir, args.results, args.data_root, args.device)
    if not args.show:
        runs.run_missing(args.jobs)
    tables = runs.report()
    for shown in tables:
        shown.print()
    for row in table.rows:
        if row.note:
            print(f"{row.name}: {row.note}")
    if table.source:
        print(f"paper: {table.source}")
    for remedy in runs.remedies():
        print(remedy)
    if runs.measured() and not args.show:
        write_text(runs.results / "table.md", "\n".join(shown.markdown() for shown in tables))


if __name__ == "__main__":
    sys.exit(main())
