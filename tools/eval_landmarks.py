"""Evaluate face-landmark networks side by side: errors, failures, cumulative errors, points, regions and pictures.

Checkpoints under one name are seeds of one network: their mean and spread are told. Each is evaluated on the faces that
its own config names, which must be the same for all. Pictures show the first checkpoint of the baseline and of the last
three names; worst faces, gains and losses are those of the last.

Examples:
    python tools/eval_landmarks.py TEACHER.py TEACHER.pth PLAIN.py P0.pth PLAIN.py P1.pth KD.py K0.pth KD.py K1.pth \\
        --names teacher plain plain both both --baseline plain
    python tools/eval_landmarks.py STUDENT.py STUDENT.pth --split val --distance pupil
"""

from __future__ import annotations

import argparse
import sys

from common.command_line import choose_device, read_baseline, read_sources
from common.config import ReadOptions
from common.errors import exit_on_user_error
from common.provenance import provenance
from tasks.landmarks.evaluation import evaluate
from tasks.landmarks.report import cost_table, gains_table, paper_table, summary_table, write_evaluation
from tasks.landmarks.results import DISTANCES, FRAMES, Settings


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; ``args.sources`` becomes the checkpoints with their names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="CONFIG CHECKPOINT", help="one pair for each checkpoint")
    parser.add_argument("--names", nargs="+", help="one for each pair; equal ones are seeds of one network")
    parser.add_argument("--baseline", help="name of the network to compare with (default: the first)")
    parser.add_argument("--out", default="work_dirs/eval", help="folder for the results (%(default)s)")
    parser.add_argument("--split", choices=("val", "test"), default="test", help="(%(default)s)")
    parser.add_argument("--data-root", help="the data folder, in place of the configs'")
    parser.add_argument("--limit", type=int, help="only so many faces, evenly spread")
    parser.add_argument("--distance", choices=DISTANCES, default="ocular", help="to divide errors by (%(default)s)")
    parser.add_argument(
        "--frame",
        choices=FRAMES,
        default="image",
        help="measure errors in pixels of it (%(default)s; crop: as KD-Loss)",
    )
    parser.add_argument("--pictures", type=int, default=6, help="faces in each sheet; 0 leaves them out (%(default)s)")
    parser.add_argument("--paper-auc", action="store_true", help="also KD-Loss's own AUC, to compare with its tables")
    parser.add_argument("--rounds", type=int, default=20, help="timed forward passes; 0 leaves them out (%(default)s)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="(default: cuda where there is one)")
    parser.add_argument("--cfg-options", nargs="+", action=ReadOptions, help="KEY=VALUE for every config")
    parser.add_argument("--trust-checkpoint", action="store_true", help="unpickle any object in it: this can run code")
    args = parser.parse_args(arguments)
    if min(args.pictures, args.rounds) < 0 or (args.limit is not None and args.limit < 1):
        parser.error("expected --pictures and --rounds of at least 0 and --limit of at least 1")
    args.sources = read_sources(parser, args.files, args.names)
    args.baseline = read_baseline(parser, args.baseline, args.sources)
    return args


@exit_on_user_error
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(arguments)
    settings = Settings(
        split=args.split,
        data_root=args.data_root,
        device=choose_device(args.device),
        limit=args.limit,
        distance=args.distance,
        frame=args.frame,
        rounds=args.rounds,
        options=args.cfg_options,
        trust=args.trust_checkpoint,
    )
    found = evaluate(args.sources, settings)
    summary_table(found).print()
    if len(found.arms) > 1:
        gains_table(found, args.baseline).print()
    cost_table(found).print()
    if args.paper_auc:
        paper_table(found).print()
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    sources = {name: dict(enumerate((run.source for run in arm.runs), start=1)) for name, arm in found.arms.items()}
    told = {"split": args.split, "faces": len(found.faces), "scheme": found.scheme.name, "distance": found.distance}
    origin = {**told, "networks": sources, **provenance()}
    page = write_evaluation(found, args.out, origin, args.baseline, args.pictures, args.paper_auc)
    print(f"report: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
