"""Time and memory of a distillation step against its floor: a plain student step and the teacher's forward pass.

``amr`` measures steps with the teacher's class scores stored as well, and holds each step against a plain one.

``losses`` measures each loss of `common.losses` by itself instead, beside other implementations of it.

All phases are timed in turn within each round, and the ratio to the floor, or to the other implementation, is taken
within the round; medians and quartiles are over rounds.

Examples:
    python tools/benchmark.py classifier
    python tools/benchmark.py seg --methods kd cwd bpkd --threads 1
    python tools/benchmark.py seg --paper --rounds 7 --json seg_512.json
    python tools/benchmark.py amr --methods skd --threads 1 --clock cpu
    python tools/benchmark.py losses --losses kd_loss cwd_loss --rounds 7 --threads 1 --clock cpu
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from common.errors import ConfigError, exit_on_user_error

TASKS = ("amr", "classifier", "losses", "seg")
CONFIGS = Path(__file__).resolve().parent.parent / "configs"
NETWORKS = ("amr", "classifier", "seg")
# What an option is for, where that is not every task.
OPTIONS = {
    "losses": ("losses",),
    "mini": ("classifier", "losses"),
    "paper": ("seg",),
    **dict.fromkeys(("student_config", "teacher_config"), ("amr", "seg")),
    **dict.fromkeys(
        ("methods", "size", "batch", "warmup", "amp", "teacher_dtype", "compile", "channels_last"), NETWORKS
    ),
}


def image_size(text: str) -> tuple[int, int]:
    """``'512x1024'`` as height and width."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdigit() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH, such as 512x1024, but found {text!r}")
    return int(sides[0]), int(sides[1])


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", choices=TASKS, default="seg", help="(%(default)s)")
    parser.add_argument("--losses", nargs="+", metavar="LOSS", help="losses: names in common.losses (all)")
    parser.add_argument("--methods", nargs="+", metavar="METHOD", help="seg: kd, cwd, bpkd; amr: skd, dkd, … (all)")
    parser.add_argument(
        "--size", type=image_size, metavar="HxW", help="of images (128x128; classifier 224x224; amr 2x128)"
    )
    parser.add_argument("--batch", type=int, help="images per step (8; with --paper 2; amr 400)")
    parser.add_argument("--rounds", type=int, default=20, help="timed rounds (%(default)s)")
    parser.add_argument("--warmup", type=int, help="rounds before them (2)")
    parser.add_argument("--threads", type=int, help="of torch on the CPU (as many as torch takes)")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: time of this process alone")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    parser.add_argument(
        "--mini", action="store_true", help="classifier: resnet18 as teacher, 64x64; losses: small shapes"
    )
    parser.add_argument("--paper", action="store_true", help="seg: the Cityscapes pair at 512x512, batch 2")
    parser.add_argument("--student-config", metavar="FILE", help="seg, amr: the student's config")
    parser.add_argument("--teacher-config", metavar="FILE", help="seg, amr: the teacher's config")
    parser.add_argument("--amp", action="store_true", help="mixed precision (cuda)")
    parser.add_argument("--teacher-dtype", metavar="DTYPE", help="float16 or bfloat16: the teacher's, when distilling")
    parser.add_argument("--compile", action="store_true", help="torch.compile the networks (seg: the backbones)")
    parser.add_argument("--channels-last", action="store_true", help="channels-last memory order")
    parser.add_argument("--json", metavar="FILE", help="write every number to FILE")
    return parser.parse_args(argv)


@exit_on_user_error
def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # it reports that it finds no GPU, as an error
    import torch

    from common import benchmark
    from common.provenance import provenance
    from common.report import track, write_json

    if args.threads:
        torch.set_num_threads(args.threads)
    _check_options(args)
    if args.task == "losses":
        _losses(args)
        return
    options = benchmark.Options(
        size=args.size or _default_size(args),
        batch=_default_batch(args) if args.batch is None else args.batch,
        device=args.device,
        amp=args.amp,
        teacher_dtype=args.teacher_dtype,
        compile=args.compile,
        channels_last=args.channels_last,
    )
    if args.task == "classifier":
        if args.methods not in (None, ["kd"]):
            raise ConfigError(f"expected method kd for the classifier but found {', '.join(args.methods)}; use seg")
        comparison = benchmark.classifier(options, args.mini)
    elif args.task == "amr":
        from tasks.amr.benchmark import over_plain, signals
        from tasks.amr.methods import METHODS

        student = args.student_config or str(CONFIGS / "amr/kdcnn_generated.py")
        teacher = args.teacher_config or str(CONFIGS / "amr/clst_s_generated.py")
        comparison = signals(options, student, teacher, args.methods or list(METHODS))
    else:
        from tasks.seg.benchmark import segmentation
        from tasks.seg.methods import METHODS

        pair = "deeplab" if args.paper else "deeplab_mini"
        student = args.student_config or str(CONFIGS / f"seg/student_{pair}.py")
        teacher = args.teacher_config or str(CONFIGS / f"seg/teacher_{pair}.py")
        comparison = segmentation(options, student, teacher, args.methods or list(METHODS))
    result = benchmark.measure(
        comparison,
        options,
        args.rounds,
        2 if args.warmup is None else args.warmup,
        args.clock,
        lambda rounds: track(rounds, "benchmark", "rounds"),
    )
    benchmark.result_table(result, args.task).print()
    for name in result["steps"] if args.task == "amr" else ():
        ratio = over_plain(result, name)
        print(f"{name}: {ratio.median:.3f} of a plain step ({ratio.lower:.3f}-{ratio.upper:.3f})")
    print("floor: student step + teacher forward of the same round; peak: tensors beyond those alive before the phase")
    if args.json:
        write_json(args.json, {**result, "provenance": provenance()})


def _check_options(args: argparse.Namespace) -> None:
    for option, tasks in OPTIONS.items():
        if getattr(args, option) not in (None, False) and args.task not in tasks:
            name = option.replace("_", "-")
            raise ConfigError(f"--{name} is for {_listed(tasks)} but found {args.task}; leave it out")


def _listed(names: tuple[str, ...]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _losses(args: argparse.Namespace) -> None:
    from common import loss_benchmark
    from common.provenance import provenance
    from common.report import track, write_json

    options = loss_benchmark.Options(rounds=args.rounds, clock=args.clock, device=args.device, mini=args.mini)
    cases = loss_benchmark.chosen(args.losses)
    result = loss_benchmark.measure_losses(cases, options, lambda each: track(each, "benchmark", "losses"))
    loss_benchmark.losses_table(result).print()
    if result["chunks"]:
        loss_benchmark.chunks_table(result).print()
    for note in loss_benchmark.notes(result):
        print(note)
    print("ratio: ours over the peer's, of the same round; MiB: most tensors beyond the arguments, gradients with them")
    if args.json:
        write_json(args.json, {**result, "provenance": provenance()})


def _default_batch(args: argparse.Namespace) -> int:
    if args.task == "amr":
        return 400
    return 2 if args.paper else 8


def _default_size(args: argparse.Namespace) -> tuple[int, int]:
    if args.task == "amr":
        return 2, 128
    if args.task == "classifier":
        return (64, 64) if args.mini else (224, 224)
    return (512, 512) if args.paper else (128, 128)


if __name__ == "__main__":
    sys.exit(main())
