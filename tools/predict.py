"""Predict with a trained network: picture the segmentation of images and videos, find objects in images and videos,
find the landmarks of faces in images, videos and what a camera sees, or tell the modulations in IQ recordings.

Of videos, segmentation also tells how steady each network's labels are from frame to frame along OpenCV's DIS optical
flow (TC: mean IoU of a frame's labels with the next frame's; flicker: share of a class's pixels that change, mean over
classes; changed: share of all pixels), as a table and a curve over time, and frames per second of the network alone.

Examples:
    python tools/predict.py STUDENT.onnx photo.jpg holiday/ clip.mp4 --pts
    python tools/predict.py STUDENT.onnx camera:0 --faces 1
    python tools/predict.py CONFIG.py STUDENT.pth IMAGES --teacher TEACHER_CONFIG.py TEACHER.pth --labels
    python tools/predict.py CONFIG.py DISTILLED.pth drive.mp4 --name distilled --beside plain PLAIN_CONFIG.py PLAIN.pth
    python tools/predict.py CONFIG.py STUDENT.pth CamVid/val --clip 15 --labels
    python tools/predict.py DETECTOR.onnx IMAGES clip.mp4 --threshold 0.5 --coco annotations.json
    python tools/predict.py capture.sigmf-meta
    python tools/predict.py NETWORK.onnx capture.cu8 --sample-rate 2.4e6 --symbol-rate 50e3 --noise-gate 6
    rtl_sdr -s 1.2e6 -f 433.92e6 - | python tools/predict.py - --datatype cu8 --sample-rate 1.2e6 --vote 100
"""

from __future__ import annotations

import argparse
import re
import sys

from common.command_line import choose_device
from common.config import read_config
from common.errors import ConfigError, exit_on_user_error
from common.onnx_files import read_metadata
from tasks import ENTRIES, check_options, command_of, entry_of

CONFIGS = (".py", ".json", ".yaml", ".yml")
WEIGHTS = (".pth", ".pt", ".ckpt", ".safetensors")
# argparse takes such a number for an option, but not with a space before it.
NEGATIVE = re.compile(r"-[\d.]+e[+-]?\d+", re.IGNORECASE)
# Options for one kind of input; those that are not given are left to the task.
SEVERAL = "several kinds of input"
IMAGES = "segmentation of images and videos"
BOXES = "boxes in images"
FACES = "faces in images and videos"
RECORDINGS = "IQ recordings"
# What inputs without a network are for.
DEFAULT_TASK = "amr"


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [options] [CONFIG CHECKPOINT | NETWORK.onnx] INPUT [INPUT ...]",
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="image files, videos, or folders of them, for faces also camera:0; or recordings: "
        ".sigmf-meta, .cf32, .cfile, .cs16, .cs8, .cu8, .wav, .npy, - for standard input. Before them the network: "
        "the config of it, or of the run that distilled it, and its weights; or an ONNX file; without either, "
        "recordings go to the network that comes with the suite",
    )
    parser.add_argument("--out", default="work_dirs/predict", help="folder for the results (%(default)s)")
    parser.add_argument("--device", default=None, help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--trust-checkpoint", action="store_true", help="unpickle any object in it: this can run code")
    parser.add_argument(
        "--threads", type=int, metavar="N", default=argparse.SUPPRESS, help="for an ONNX network (one per core)"
    )
    _add_common_options(parser.add_argument_group(SEVERAL, argument_default=argparse.SUPPRESS))
    _add_image_options(parser.add_argument_group(IMAGES, argument_default=argparse.SUPPRESS))
    boxes = parser.add_argument_group(BOXES, argument_default=argparse.SUPPRESS)
    boxes.add_argument("--coco", metavar="FILE", help="annotations whose ids COCO's results get (numbers from 1 on)")
    _add_face_options(parser.add_argument_group(FACES, argument_default=argparse.SUPPRESS))
    _add_recording_options(parser.add_argument_group(RECORDINGS, argument_default=argparse.SUPPRESS))
    words = sys.argv[1:] if arguments is None else arguments
    args = parser.parse_args([f" {word}" if NEGATIVE.fullmatch(word) else word for word in words])
    if not 0 <= vars(args).get("opacity", 0) <= 1:
        parser.error(f"expected --opacity from 0 to 1 but found {args.opacity}")
    if args.inputs[0].endswith(CONFIGS) and len(args.inputs) < 3:
        parser.error(f"expected CONFIG CHECKPOINT INPUT but found {' '.join(args.inputs)}")
    if args.inputs[0].endswith(WEIGHTS):
        parser.error(
            f"expected CONFIG CHECKPOINT INPUT but found the weights {args.inputs[0]} without their config: put the "
            "config that they were trained with before them, or give an ONNX file, which needs none"
        )
    if args.inputs[0].endswith(".onnx") and len(args.inputs) < 2:
        parser.error(f"expected NETWORK.onnx INPUT but found {args.inputs[0]} alone")
    return args


def _add_common_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--teacher", nargs=2, metavar=("CONFIG", "CHECKPOINT"), help="a network to show side by side")
    group.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="recordings are 'unknown' below this probability (0.5), boxes are shown from this score on (0.3)",
    )
    group.add_argument("--frames", type=int, metavar="N", help="of a video or camera, then stop (all)")


def _add_image_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--opacity", type=float, help="of the colours, 0 to 1 (0.5)")
    group.add_argument("--labels", action="store_true", help="also write label maps (value = class)")
    group.add_argument(
        "--beside",
        nargs=3,
        action="append",
        metavar=("NAME", "CONFIG", "CHECKPOINT"),
        help="one more network to show side by side, such as: plain CONFIG.py PLAIN.pth; may be given several times",
    )
    group.add_argument("--name", help="what to call the network itself in pictures and tables (network, student)")
    group.add_argument(
        "--clip", type=float, metavar="FPS", help="images in folders are frames of clips, so many per second"
    )
    group.add_argument(
        "--no-consistency", action="store_true", help="of videos: leave out how steady labels are, which takes time"
    )


def _add_face_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--box", nargs=4, type=float, metavar=("X0", "Y0", "X1", "Y1"), help="where the face's points are, no detector"
    )
    group.add_argument("--boxes", metavar="FILE", help="boxes of many images: CSV (image,x0,y0,x1,y1) or JSON")
    group.add_argument("--whole", action="store_true", help="images are crops of one face already")
    group.add_argument(
        "--refine", type=int, metavar="N", help="predictions from the box of the points before, after the first (1)"
    )
    group.add_argument("--faces", type=int, metavar="K", help="most faces in an image, the surest first (all)")
    group.add_argument("--pts", action="store_true", help="also write PTS files, which count pixels from 1")
    group.add_argument("--detect-every", type=int, metavar="N", help="frames from one look for faces to the next (10)")
    group.add_argument("--no-smoothing", action="store_true", help="leave the points of videos as they are")
    group.add_argument("--min-cutoff", type=float, metavar="HZ", help="of the smoothing: lower for less jitter (0.5)")
    group.add_argument("--beta", type=float, metavar="B", help="of the smoothing: higher for less lag (20)")


def _add_recording_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--sample-rate", type=float, metavar="HZ", help="of recordings that do not tell")
    group.add_argument(
        "--datatype", metavar="TYPE", help="of raw files and streams: cf32_le, cf32_be, ci16_le, ci16_be, ci8, cu8"
    )
    group.add_argument("--freq-shift", type=float, metavar="HZ", help="move the spectrum up by so much (0)")
    group.add_argument(
        "--resample",
        metavar="RATE",
        help="rate that the network hears: in Hz, in samples per symbol (8sps), or 'network' for that of the signals "
        "it was trained on (default: as recorded, or 'network' where --symbol-rate is given)",
    )
    group.add_argument("--symbol-rate", type=float, metavar="HZ", help="of the signal, where it is known")
    group.add_argument("--hop", type=int, metavar="SAMPLES", help="from one window to the next (a window's length)")
    group.add_argument("--vote", type=int, metavar="WINDOWS", help="that are decided on together (8)")
    group.add_argument(
        "--noise-gate", type=float, metavar="DB", help="'noise' below so much over the noise floor (no gate); try 6"
    )
    group.add_argument(
        "--in-place", action="store_true", help="annotate SigMF recordings themselves, not a copy of their metadata"
    )


def _task_of_onnx(path: str) -> str:
    task = read_metadata(path).get("task")
    if task is None:
        raise ConfigError(f"expected an ONNX file that tools/export.py wrote but {path} names no task; export it again")
    if task not in ENTRIES:
        raise ConfigError(f"expected an ONNX file for {', '.join(ENTRIES)} but found task {task!r} in {path}")
    return task


@exit_on_user_error
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = vars(parse_args(arguments))
    inputs, teacher = options.pop("inputs"), options.pop("teacher", None)
    networks = {"teacher": tuple(teacher)} if teacher else {}
    if inputs[0].endswith(CONFIGS):
        predict = command_of(read_config(inputs[0]), "predict")
        network, inputs = tuple(inputs[:2]), inputs[2:]
    else:
        predict = entry_of(_task_of_onnx(inputs[0]) if inputs[0].endswith(".onnx") else DEFAULT_TASK).predict
        named = 1 if inputs[0].endswith(".onnx") else 0
        network, inputs = tuple(inputs[:named]), inputs[named:]
    if network:
        networks["student" if teacher else "network"] = network
    given = {
        "device": choose_device(options.pop("device")),
        "trust": options.pop("trust_checkpoint"),
    }
    out = options.pop("out")
    check_options(predict, options, network[0] if network else "recordings")
    done, skipped = predict(networks, inputs, out, **given, **options)
    print(done)
    if skipped:
        print(
            f"error: {len(skipped)} files were skipped:\n" + "\n".join(f"  {why}" for why in skipped), file=sys.stderr
        )
    return 1 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
