"""The main job on generated data: teacher, student alone, student distilled; a table and pictures.

Example:
    python tools/demo.py --task seg
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time

from common.errors import exit_on_user_error

DEMOS = ("seg", "landmarks", "det")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=("all", *DEMOS), default="all", help="(%(default)s)")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="runs at a time (%(default)s)")
    return parser.parse_args(argv)


@exit_on_user_error
def main(argv: list[str] | None = None) -> None:
    """Run the demo of one task or of all."""
    args = parse_args(argv)
    for task in DEMOS if args.task == "all" else (args.task,):
        start = time.perf_counter()
        page = importlib.import_module(f"tasks.{task}.demo").run(args.jobs)
        print(f"{task}: {(time.perf_counter() - start) / 60:.1f} minutes; pictures: {page}")


if __name__ == "__main__":
    sys.exit(main())
