"""Compute the optical flow between the frames of a config's clips ahead of training, into the cache that it names.

Training fills the cache by itself; filling it before leaves the loaders nothing to wait for, and lets flow be estimated
where there is a GPU (RAFT). Flow that is kept already is not computed again.

Examples:
    python tools/flow.py MY_CONFIG.py
    python tools/flow.py MY_CONFIG.py --split train val --threads 4 --data-root data/camvid
"""

from __future__ import annotations

import argparse
import sys

from common.config import ReadOptions, read_config
from common.errors import exit_on_user_error
from common.training import set_data_root
from tasks import command_of


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="whose clips are loaded by LoadNeighbours(flow=dict(type=…, cache=FOLDER))")
    parser.add_argument(
        "--split", nargs="+", choices=("train", "val", "test"), help="which clips (default: all that keep their flow)"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="that estimate at once (%(default)s)")
    parser.add_argument("--data-root", help="the data folder, in place of the config's")
    parser.add_argument("--cfg-options", nargs="+", action=ReadOptions, metavar="KEY=VALUE", help="single values")
    return parser.parse_args(argv)


@exit_on_user_error
def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    cfg = read_config(args.config, args.cfg_options)
    fill = command_of(cfg, "fill_flow")
    if args.data_root:
        set_data_root(cfg, args.data_root)
    for filled in fill(cfg, args.split, args.threads):
        print(f"{filled.split}: flow of {filled.pairs} pairs of frames in {filled.folder}")


if __name__ == "__main__":
    sys.exit(main())
