"""Score a checkpoint: the student's of a distillation config, or any network's of a plain config.

Example:
    python tools/test.py configs/seg/bpkd_deeplab_mini.py work_dirs/bpkd_deeplab_mini/iter_300.pth
"""

from __future__ import annotations

import argparse
import sys

from common.checkpoint import file_sha256, read_checkpoint
from common.command_line import choose_device
from common.config import ReadOptions, read_config
from common.errors import exit_on_user_error
from common.provenance import portable_path, provenance
from common.report import Table, write_json
from tasks import command_of


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("checkpoint")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="(%(default)s)")
    parser.add_argument("--data-root", help="the data folder, in place of the config's")
    parser.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--out", metavar="FILE.json", help="also write the scores with their provenance")
    parser.add_argument("--cfg-options", nargs="+", action=ReadOptions, metavar="KEY=VALUE", help="single values")
    parser.add_argument("--trust-checkpoint", action="store_true", help="unpickle any object in the checkpoint")
    return parser.parse_args(argv)


@exit_on_user_error
def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    scores = command_of(read_config(args.config, args.cfg_options), "score")(
        args.config,
        args.checkpoint,
        split=args.split,
        data_root=args.data_root,
        device=choose_device(args.device),
        cfg_options=args.cfg_options,
        trust=args.trust_checkpoint,
    )
    Table(f"{args.checkpoint} on {args.split}", ["score", "value"], [[k, v] for k, v in scores.items()]).print()
    if args.out:
        record = {
            "scores": scores,
            "split": args.split,
            "config": portable_path(args.config),
            "checkpoint_sha256": file_sha256(args.checkpoint),
            "training": read_checkpoint(args.checkpoint, args.trust_checkpoint).get("distill"),
            "provenance": provenance(),
        }
        write_json(args.out, record)


if __name__ == "__main__":
    sys.exit(main())
