"""Predict images or folders of images with a trained network, and picture the results.

Example:
    python tools/predict.py CONFIG.py STUDENT.pth IMAGES --teacher TEACHER_CONFIG.py TEACHER.pth --labels
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from common.config import read_config
from common.errors import exit_on_user_error
from tasks import SCOPES, task_of


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


def predict_seg(args: argparse.Namespace) -> int:
    """Coloured overlays of a segmentation network."""
    from tasks.seg.inference import find_images, load_networks, predict_images

    images = find_images(args.inputs, skip=Path(args.out))
    named = {"teacher": tuple(args.teacher)} if args.teacher else {}
    named["student" if args.teacher else "network"] = (args.config, args.checkpoint)
    networks = load_networks(named, args.device, args.trust_checkpoint)
    run = predict_images(networks, images, args.out, args.opacity, args.labels)
    if run.images:
        print(
            f"{run.images} images at {run.images / run.seconds:.1f} images/s "
            f"({1e3 * run.network_seconds / run.images:.0f} ms per image in the network); results in {args.out}"
        )
    if run.skipped:
        reasons = "\n".join(f"  {reason}" for reason in run.skipped.values())
        print(f"error: {len(run.skipped)} of {len(images)} files were skipped:\n{reasons}", file=sys.stderr)
        return 1
    return 0


PREDICTORS = {"seg": predict_seg}


@exit_on_user_error
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(arguments)
    cfg = read_config(args.config)
    task_of(cfg)
    args.device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    return PREDICTORS[SCOPES[cfg.default_scope]](args)


if __name__ == "__main__":
    sys.exit(main())
