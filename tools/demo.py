"""The main job on generated data: teacher, student alone, student distilled; a table and pictures.

Example:
    python tools/demo.py --task seg
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from common.errors import exit_on_user_error


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=("seg", "all"), default="all")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="runs at a time (%(default)s)")
    return parser.parse_args(argv)


@exit_on_user_error
def main(argv: list[str] | None = None) -> None:
    """Run the demo of one task or of all."""
    args = parse_args(argv)
    start = time.perf_counter()
    # One thread a run: two runs side by side are faster than one run on two threads.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from tasks.seg.demo import run

    page = run(args.jobs)
    print(f"{(time.perf_counter() - start) / 60:.1f} minutes; pictures of whole frames and boundaries: {page}")


if __name__ == "__main__":
    sys.exit(main())
