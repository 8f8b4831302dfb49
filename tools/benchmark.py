"""Time and memory of a distillation step against its floor: a plain student step and the teachers' forward passes.

``seg`` has methods on two frames of a video too (temporal, frames, gan, stkd). Their floor holds the student's pass on
the second frame, and the teacher's where they use it; warping, optical flow, estimated and kept, and the critic's step
stand beside them.

``amr`` and ``landmarks`` also measure steps with what teachers say stored, and hold each step against a plain one.

``losses`` measures each loss of `common.losses` by itself instead, beside other implementations of it; ``stream`` what
hearing an IQ recording costs beside the network alone; ``video`` at how many frames a second faces are followed, and
how steady their points are.

All phases are timed in turn within each round, and the ratio to the floor, or to the other implementation, is taken
within the round; medians and quartiles are over rounds.

Examples:
    python tools/benchmark.py classifier
    python tools/benchmark.py seg --methods kd cwd bpkd --threads 1
    python tools/benchmark.py seg --paper --rounds 7 --json seg_512.json
    python tools/benchmark.py seg --methods temporal frames gan stkd --threads 1 --clock cpu
    python tools/benchmark.py amr --methods skd --threads 1 --clock cpu
    python tools/benchmark.py landmarks --threads 1 --clock cpu
    python tools/benchmark.py stream student.onnx student.int8.onnx --threads 1 --clock cpu
    python tools/benchmark.py video student.onnx --threads 2
    python tools/benchmark.py losses --losses kd_loss cwd_loss --rounds 7 --threads 1 --clock cpu
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # before torch: it reports that it finds no GPU, as an error

import torch

from common import benchmark, loss_benchmark
from common.benchmark import Comparison
from common.command_line import image_size
from common.engine_log import concise
from common.errors import ConfigError, exit_on_user_error
from common.provenance import provenance
from common.report import track, write_json

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
NETWORKS = ("amr", "classifier", "det", "landmarks", "seg")
TASKS = tuple(sorted((*NETWORKS, "losses", "stream", "video")))
# What an option is for, where that is not every task.
OPTIONS = {
    "losses": ("losses",),
    "onnx": ("stream", "video"),
    **dict.fromkeys(("clips", "data_root"), ("video",)),
    **dict.fromkeys(("samples", "longer"), ("stream",)),
    "config": ("landmarks",),
    "mini": ("classifier", "losses"),
    "paper": ("det", "landmarks", "seg"),
    "methods": ("amr", "classifier", "det", "seg"),
    **dict.fromkeys(("student_config", "teacher_config"), ("amr", "det", "seg")),
    "warmup": (*NETWORKS, "stream"),
    "device": (*NETWORKS, "losses"),
    **dict.fromkeys(("size", "batch", "amp", "teacher_dtype", "compile", "channels_last"), NETWORKS),
}
# Size and batch: of each task, and of those that have a paper's with --paper.
SHAPES = {
    "amr": ((2, 128), 400),
    "classifier": ((224, 224), 8),
    "det": ((192, 192), 8),
    "landmarks": ((64, 64), 64),
    "seg": ((128, 128), 8),
}
PAPER_SHAPES = {"det": ((800, 1344), 1), "landmarks": ((224, 224), 70), "seg": ((512, 512), 2)}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", choices=TASKS, default="seg", help="(%(default)s)")
    parser.add_argument("onnx", nargs="*", metavar="NETWORK.onnx", help="stream, video: networks")
    parser.add_argument("--losses", nargs="+", metavar="LOSS", help="losses: names in common.losses (all)")
    parser.add_argument(
        "--methods", nargs="+", metavar="METHOD", help="such as bpkd, stkd (seg), acam (det), skd (amr)"
    )
    parser.add_argument(
        "--size",
        type=image_size,
        metavar="HxW",
        help="of images (seg 128x128, det 192x192, classifier 224x224, landmarks 64x64; amr 2x128)",
    )
    parser.add_argument("--batch", type=int, help="images per step (8; landmarks 64; amr 400; det with --paper 1)")
    parser.add_argument("--samples", type=float, help="stream: of the recording (5e6)")
    parser.add_argument("--longer", type=float, help="stream: of one of which only the memory is measured, such as 5e8")
    parser.add_argument("--clips", type=int, help="video: of one face each (8)")
    parser.add_argument("--data-root", metavar="FOLDER", help="video: images with PTS files (generated faces)")
    parser.add_argument("--rounds", type=int, default=20, help="timed rounds (%(default)s)")
    parser.add_argument("--warmup", type=int, help="rounds before them (2)")
    parser.add_argument("--threads", type=int, help="of torch on the CPU (as many as torch takes)")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: time of this process alone")
    parser.add_argument("--device", help="cpu or cuda (cpu)")
    parser.add_argument(
        "--mini", action="store_true", help="classifier: resnet18 as teacher, 64x64; losses: small shapes"
    )
    parser.add_argument(
        "--paper",
        action="store_true",
        help="seg: the Cityscapes pair at 512x512, batch 2; det: RetinaNet R101 -> R50 at 800x1344, batch 1; "
        "landmarks: KD-Loss's networks at 224x224, batch 70",
    )
    parser.add_argument("--config", metavar="FILE", help="landmarks: a config that distils (kd_faces68_small)")
    parser.add_argument("--student-config", metavar="FILE", help="seg, det, amr: the student's config")
    parser.add_argument("--teacher-config", metavar="FILE", help="seg, det, amr: the teacher's config")
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
    concise()
    _check_options(args)
    args.device = args.device or "cpu"
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.task == "losses":
        _losses(args)
        return
    if args.task == "stream":
        _stream(args)
        return
    if args.task == "video":
        _video(args)
        return
    size, batch = _shape(args)
    options = benchmark.Options(
        size=size,
        batch=batch,
        device=args.device,
        amp=args.amp,
        teacher_dtype=args.teacher_dtype,
        compile=args.compile,
        channels_last=args.channels_last,
    )
    result = benchmark.measure(
        _comparison(args, options),
        options,
        args.rounds,
        2 if args.warmup is None else args.warmup,
        args.clock,
        lambda rounds: track(rounds, "benchmark", "rounds"),
    )
    benchmark.result_table(result, args.task).print()
    for name in result["steps"] if args.task in ("amr", "landmarks") else ():
        ratio = benchmark.over_plain(result, name)
        print(f"{name}: {ratio.median:.3f} of a plain step ({ratio.lower:.3f}-{ratio.upper:.3f})")
    print("floor: student step + teacher forward of the same round; peak: tensors beyond those alive before the phase")
    for name, floor in result["floors"].items():
        print(f"floor of {name}: {' + '.join(floor)}")
    if args.json:
        write_json(args.json, {**result, "provenance": provenance()})


def _comparison(args: argparse.Namespace, options: benchmark.Options) -> Comparison:
    """What the task has to time."""
    if args.task == "classifier":
        from common.classification.benchmark import classifier

        if args.methods not in (None, ["kd"]):
            raise ConfigError(f"expected method kd for the classifier but found {', '.join(args.methods)}; use seg")
        return classifier(options, args.mini)
    if args.task == "landmarks":
        from tasks.landmarks.benchmark import landmarks

        config = args.config or CONFIGS / f"landmarks/kd_{'w300' if args.paper else 'faces68_small'}.py"
        return landmarks(options, str(config))
    if args.task == "amr":
        from tasks.amr.benchmark import signals as compare
        from tasks.amr.methods import METHODS

        pair = "amr/kdcnn_generated.py", "amr/clst_s_generated.py"
    elif args.task == "det":
        from tasks.det.benchmark import VARIANTS
        from tasks.det.benchmark import detection as compare
        from tasks.det.methods import METHODS

        METHODS = (*METHODS, *VARIANTS)
        pair = tuple(f"det/{role}_retinanet_bccd_small.py" for role in ("student", "teacher"))
        if args.paper:
            pair = "det/student_retinanet_r50_coco.py", "det/teacher_retinanet_r101_coco.py"
    else:
        from tasks.seg.benchmark import segmentation as compare
        from tasks.seg.methods import METHODS

        pair = tuple(f"seg/{role}_deeplab{'' if args.paper else '_mini'}.py" for role in ("student", "teacher"))
    student, teacher = (
        given or str(CONFIGS / own) for given, own in zip((args.student_config, args.teacher_config), pair, strict=True)
    )
    return compare(options, student, teacher, args.methods or list(METHODS))


def _shape(args: argparse.Namespace) -> tuple[tuple[int, int], int]:
    """Size and batch, as given or else the task's own."""
    size, batch = (PAPER_SHAPES if args.paper else SHAPES)[args.task]
    if args.mini:
        size = 64, 64
    return args.size or size, batch if args.batch is None else args.batch


def _check_options(args: argparse.Namespace) -> None:
    for option, tasks in OPTIONS.items():
        if getattr(args, option) not in (None, False, []) and args.task not in tasks:
            name = option.replace("_", "-")
            raise ConfigError(f"--{name} is for {_listed(tasks)} but found {args.task}; leave it out")

    for option, least in (("threads", 1), ("samples", 1), ("longer", 1), ("clips", 1)):
        found = getattr(args, option)
        if found is not None and found < least:
            raise ConfigError(f"expected --{option} of at least {least} but found {found:g}")


def _listed(names: tuple[str, ...]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _losses(args: argparse.Namespace) -> None:
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


def _stream(args: argparse.Namespace) -> None:
    from tasks.amr.predict import DEFAULT_NETWORK
    from tasks.amr.stream_benchmark import stream_tables, streaming

    result = streaming(
        args.onnx or [str(DEFAULT_NETWORK)],
        int(args.samples or 5e6),
        args.rounds,
        2 if args.warmup is None else args.warmup,
        args.clock,
        args.threads or 1,
        int(args.longer or 0),
        lambda rounds: track(rounds, "benchmark", "rounds"),
    )
    for table in stream_tables(result):
        table.print()
    if args.json:
        write_json(args.json, {**result, "provenance": provenance()})


def _video(args: argparse.Namespace) -> None:
    from tasks.landmarks.video_benchmark import video, video_table

    clips = 8 if args.clips is None else args.clips
    result = video(
        args.onnx,
        args.data_root,
        clips,
        args.rounds,
        args.clock,
        args.threads or 1,
        lambda each: track(each, "benchmark", "clips"),
    )
    video_table(result).print()
    if args.json:
        write_json(args.json, {**result, "provenance": provenance()})


if __name__ == "__main__":
    sys.exit(main())
