"""Export a trained student: a plain checkpoint with its config, and an ONNX file.

python tools/export.py CONFIG CHECKPOINT --out student.pth [--onnx student.onnx] [--size 512x1024] [--labels]
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from common.config import read_config
from common.errors import exit_on_user_error
from tasks import command_of


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config of the network, or of the run that distilled it")
    parser.add_argument("checkpoint", help="its trained weights")
    parser.add_argument("--out", default="student.pth", help="plain checkpoint to write (%(default)s)")
    parser.add_argument("--onnx", metavar="FILE", help="also write ONNX, checked with onnxruntime")
    parser.add_argument(
        "--size", type=image_size, metavar="HxW", help="image size of the ONNX file (the config's crop size)"
    )
    parser.add_argument("--labels", action="store_true", help="let the ONNX file return labels, not logits")
    parser.add_argument("--trust-checkpoint", action="store_true", help="unpickle any object in it: this can run code")
    return parser.parse_args(arguments)


def image_size(text: str) -> tuple[int, int]:
    """``'512x1024'`` as height and width."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdigit() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH, such as 512x1024, but found {text!r}")
    return int(sides[0]), int(sides[1])


def describe(report: dict[str, Any]) -> str:
    """What was written, line by line."""
    lines = [f"{report['checkpoint']}: {report['parameters'] / 1e6:.2f} M parameters, plain checkpoint"]
    if report["config"]:
        lines.append(f"{report['config']}: its config; init_model({report['config']!r}, {report['checkpoint']!r})")
    else:
        lines.append(f"no plain config: mmseg does not have {', '.join(report['foreign_modules'])}")
    if report["left_out"]:
        lines.append(f"left out of its test pipeline, as mmseg does not have them: {', '.join(report['left_out'])}")
    if report["onnx"]:
        onnx = report["onnx"]
        shape = "x".join(map(str, onnx["input_shape"]))
        lines.append(
            f"{onnx['path']}: input {shape}, {onnx['megabytes']:.1f} MB, opset {onnx['opset']}; largest "
            f"difference to torch {onnx['max_abs_difference']:.1e}; {onnx['latency_ms']:.1f} ms per image "
            f"(onnxruntime, one thread, median of {onnx['timing_runs']})"
        )
    return "\n".join(lines)


@exit_on_user_error
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(arguments)
    export = command_of(read_config(args.config), "export")
    report = export(
        args.config, args.checkpoint, args.out, args.onnx, args.size, args.labels, trust=args.trust_checkpoint
    )
    print(describe(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
