"""Predict images or folders of images with a trained network, and picture the results.

Example:
    python tools/predict.py CONFIG.py STUDENT.pth IMAGES --teacher TEACHER_CONFIG.py TEACHER.pth --labels
"""

from __future__ import annotations

import argparse
import sys

import torch

from common.config import read_config
from common.errors import exit_on_user_error
from tasks import command_of


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config of the network, or of the run that distilled it")
    parser.add_argument("checkpoint", help="its weights")
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="image files, or folders of images")
    parser.add_argument("--out", default="work_dirs/predict", help="folder for the results (%(default)s)")
    parser.add_argument("--teacher", nargs=2, metavar=("CONFIG", "CHECKPOINT"), help="a network to show side by side")
    parser.add_argument("--device", default=None, help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--opacity", type=float, default=0.5, help="of the colours, 0 to 1 (%(default)s)")
    parser.add_argument("--labels", action="store_true", help="also write label maps (value = class)")
    parser.add_argument("--trust-checkpoint", action="store_true", help="unpickle any object in it: this can run code")
    args = parser.parse_args(arguments)
    if not 0 <= args.opacity <= 1:
        parser.error(f"expected --opacity from 0 to 1 but found {args.opacity}")
    return args


@exit_on_user_error
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(arguments)
    networks = {"teacher": tuple(args.teacher)} if args.teacher else {}
    networks["student" if args.teacher else "network"] = (args.config, args.checkpoint)
    done, skipped = command_of(read_config(args.config), "predict")(
        networks,
        args.inputs,
        args.out,
        device=args.device or ("cuda" if torch.cuda.is_available() else "cpu"),
        opacity=args.opacity,
        labels=args.labels,
        trust=args.trust_checkpoint,
    )
    print(done)
    if skipped:
        print(
            f"error: {len(skipped)} files were skipped:\n" + "\n".join(f"  {why}" for why in skipped), file=sys.stderr
        )
    return 1 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
