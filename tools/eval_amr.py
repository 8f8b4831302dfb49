"""Evaluate networks for modulation recognition side by side: by SNR, by class, what they cost, how far to trust them.

Checkpoints under one name are seeds of one network: their mean and spread are told. Each is evaluated on the frames
of its own config, which must be the same for all. A subset is chosen by the config's keys, as for RadioML 2018.01A with
--cfg-options test_dataloader.dataset.frames_per_cell=100.

Exported networks (--onnx) are scored on any file of frames: classes are matched by name, all of the network's compete,
and accuracy is told by class and range of SNR.

Examples:
    python tools/eval_amr.py TEACHER.py TEACHER.pth STUDENT.py CE0.pth STUDENT.py CE1.pth --names teacher ce ce
    python tools/eval_amr.py STUDENT.py STUDENT.pth --data frames_of_another_seed.h5 --split all
    python tools/eval_amr.py --onnx STUDENT.onnx STUDENT.int8.onnx --data frames_of_somebody_else.pkl
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from common.command_line import choose_device, read_baseline, read_sources
from common.config import ReadOptions
from common.errors import ConfigError, exit_on_user_error
from common.provenance import portable_path, provenance
from tasks.amr.evaluation import PARTS, Settings, evaluate
from tasks.amr.onnx_evaluation import (
    class_accuracy_table,
    notes_on,
    open_frames,
    score_onnx,
    write_onnx_evaluation,
)
from tasks.amr.report import (
    SnrRange,
    calibration_table,
    cost_table,
    default_ranges,
    gains_table,
    summary_table,
    write_evaluation,
)

# What an ONNX file has no use for.
FOR_CHECKPOINTS = ("files", "names", "baseline", "data_root", "rounds", "device", "cfg_options", "trust_checkpoint")


def snr_ranges(text: str) -> list[SnrRange]:
    """``':-12,-10:-2,0:'`` as ranges of labels in dB, both ends included."""
    found = []
    for part in text.split(","):
        low, colon, high = part.partition(":")
        try:
            span = SnrRange(float(low or "-inf"), float(high or "inf"))
        except ValueError:
            span = None
        if not colon or span is None or not span.low <= span.high:
            raise argparse.ArgumentTypeError(f"expected LOW:HIGH in dB, such as -10:-2 or 0:, but found {part!r}")
        found.append(span)
    return found


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; ``args.sources`` becomes the checkpoints with their names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="CONFIG CHECKPOINT", help="one pair for each checkpoint")
    parser.add_argument(
        "--onnx", nargs="+", metavar="FILE", help="score these networks instead, on the frames of --data"
    )
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="CLASS", help="of a second mean, with --onnx")
    parser.add_argument("--names", nargs="+", help="one for each pair; equal ones are seeds of one network")
    parser.add_argument("--baseline", help="name of the network to compare with (default: the first)")
    parser.add_argument("--out", default="work_dirs/eval", help="folder for the results (%(default)s)")
    parser.add_argument(
        "--split", choices=PARTS, help="(default: test; with --onnx all, which is every frame of the file)"
    )
    parser.add_argument("--data-root", help="the data folder, in place of the configs'")
    parser.add_argument("--data", metavar="FILE", help="evaluate on the frames of this file, in place of the configs'")
    parser.add_argument(
        "--ranges",
        type=snr_ranges,
        help="of confusion matrices, in dB, as --ranges=:-12,-10:-2,0:8,10: (default: these, or as the labels fall)",
    )
    parser.add_argument("--rounds", type=int, default=50, help="timed forward passes; 0 leaves them out (%(default)s)")
    parser.add_argument("--threads", type=int, help="of torch on the CPU (as many as torch takes)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="(default: cuda where there is one)")
    parser.add_argument("--cfg-options", nargs="+", action=ReadOptions, help="KEY=VALUE for every config")
    parser.add_argument("--trust-checkpoint", action="store_true", help="unpickle any object in it: this can run code")
    args = parser.parse_args(arguments)
    args.split = args.split or ("all" if args.onnx else "test")
    if args.rounds < 0 or (args.threads is not None and args.threads < 1):
        parser.error("expected --rounds of at least 0 and --threads of at least 1")
    if args.onnx:
        _check_onnx_options(parser, args)
    else:
        args.sources = read_sources(parser, args.files, args.names)
        args.baseline = read_baseline(parser, args.baseline, args.sources)
        if args.leave_out:
            parser.error("expected --leave-out with --onnx but found it without")
    return args


def _check_onnx_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if args.data is None:
        parser.error("expected --data FILE with --onnx: the file of frames")
    given = [name for name in FOR_CHECKPOINTS if getattr(args, name) not in ([], parser.get_default(name))]
    if given:
        found = "CONFIG CHECKPOINT" if given[0] == "files" else f"--{given[0].replace('_', '-')}"
        parser.error(f"expected no {found} with --onnx, which has no use for it")
    names = [Path(path).stem for path in args.onnx]
    if len(set(names)) < len(names):
        parser.error(f"expected files of different names with --onnx but found {' '.join(args.onnx)}")


def evaluate_onnx(args: argparse.Namespace) -> None:
    """Score exported networks on the frames of a file."""
    dataset = open_frames(args.data, args.split)
    missing = [name for name in args.leave_out if name not in dataset.classes]
    if missing:
        raise ConfigError(f"expected --leave-out among {', '.join(dataset.classes)} but found {missing[0]!r}")
    ranges = default_ranges(dataset.snrs) if args.ranges is None else args.ranges
    ranges = [span for span in ranges if any(span.low <= snr <= span.high for snr in dataset.snrs)]
    found = {Path(path).stem: score_onnx(path, dataset, args.threads) for path in args.onnx}
    print(f"{len(dataset)} frames of {dataset.metainfo['length']} samples: {args.split} of {args.data}")
    for scores in found.values():
        class_accuracy_table(scores, ranges, args.leave_out).print()
        for note in notes_on(scores):
            print(f"note: {note}")
    origin = {"split": args.split, "frames": len(dataset), "data": portable_path(args.data), **provenance()}
    print(f"report: {write_onnx_evaluation(found, args.out, origin, ranges, args.leave_out)}")


@exit_on_user_error
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(arguments)
    if args.onnx:
        evaluate_onnx(args)
        return 0
    device = choose_device(args.device)
    if args.threads:
        torch.set_num_threads(args.threads)
    settings = Settings(
        args.split, args.data_root, args.data, device, args.rounds, args.cfg_options, args.trust_checkpoint
    )
    found = evaluate(args.sources, settings)
    summary_table(found).print()
    if len(found.arms) > 1:
        gains_table(found, args.baseline).print()
    for table in (calibration_table, cost_table):
        table(found).print()
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    sources = {name: dict(enumerate((run.source for run in arm.runs), start=1)) for name, arm in found.arms.items()}
    origin = {"split": args.split, "frames": found.frames, "data": found.data, "networks": sources, **provenance()}
    page = write_evaluation(found, args.out, origin, args.baseline, args.ranges)
    print(f"report: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
