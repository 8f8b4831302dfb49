"""Evaluate detectors side by side: COCO's and VOC's average precision, kinds of errors, cost, and pictures.

The first network is the reference for differences. Each is evaluated through its own config's pipeline.

Example:
    python tools/eval_det.py PLAIN_CONFIG.py PLAIN.pth ACAM_CONFIG.py ACAM.pth --names plain acam
"""

from __future__ import annotations

import argparse
import sys

from common.checkpoint import read_checkpoint
from common.command_line import choose_device, read_sources
from common.config import ReadOptions
from common.errors import ConfigError, exit_on_user_error
from common.provenance import provenance
from common.sources import origin_of
from tasks.det.evaluation import add_cost, evaluate
from tasks.det.models import build_dataset, load_detector
from tasks.det.report import (
    cost_table,
    error_gain_table,
    per_class_table,
    size_table,
    summary_table,
    write_evaluation,
)


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; ``args.sources`` becomes the checkpoints with their names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="CONFIG CHECKPOINT", help="one pair for each network")
    parser.add_argument("--names", nargs="+", help="of the networks (default: the checkpoints' folders)")
    parser.add_argument("--out", default="work_dirs/eval", help="folder for the results (%(default)s)")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="(%(default)s)")
    parser.add_argument("--data-root", help="the data folder, in place of the configs'")
    parser.add_argument("--device", default=None, help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--pictures", type=int, default=6, help="images to picture; 0 leaves them out (%(default)s)")
    parser.add_argument("--limit", type=int, default=None, help="only so many images, evenly spread")
    parser.add_argument(
        "--rounds", type=int, default=20, help="predictions that are timed; 0 leaves them out (%(default)s)"
    )
    parser.add_argument("--cfg-options", nargs="+", action=ReadOptions, help="KEY=VALUE for every config")
    parser.add_argument("--trust-checkpoint", action="store_true", help="unpickle any object in it: this can run code")
    args = parser.parse_args(arguments)
    if min(args.pictures, args.rounds) < 0 or (args.limit is not None and args.limit < 1):
        parser.error("expected --pictures and --rounds of at least 0 and --limit of at least 1")
    args.sources = read_sources(parser, args.files, args.names, seeds=False)
    return args


@exit_on_user_error
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(arguments)
    device, networks, origins = choose_device(args.device), {}, {}
    for source in args.sources:
        model, cfg = load_detector(source.config, source.checkpoint, device, args.cfg_options, args.trust_checkpoint)
        networks[source.name] = (model, build_dataset(cfg, args.split, args.data_root))
        origins[source.name] = origin_of(source, model, read_checkpoint(source.checkpoint, args.trust_checkpoint))
    evaluations = {
        name: evaluate(model, dataset, device, args.limit, name) for name, (model, dataset) in networks.items()
    }
    images = [[(image.name, image.objects.boxes.tolist()) for image in found.images] for found in evaluations.values()]
    if any(names != images[0] for names in images):
        raise ConfigError(
            f"expected configs with the same {args.split} images and boxes but found different ones; align them"
        )
    add_cost(evaluations, networks, device, args.rounds)
    for table in (summary_table, size_table, per_class_table, error_gain_table, cost_table):
        table(evaluations).print()
    origin = {"split": args.split, "images": len(images[0]), "networks": origins, **provenance()}
    page = write_evaluation(evaluations, args.out, origin, args.pictures)
    print(f"report: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
