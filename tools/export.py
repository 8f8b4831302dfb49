"""Export a trained student: a plain checkpoint, with its config where another package reads it, and ONNX files.

python tools/export.py CONFIG CHECKPOINT --out student.pth [--onnx student.onnx] [--size 512x1024] [--labels]
python tools/export.py CONFIG CHECKPOINT --out student.pth --onnx student.onnx --temperature fit --int8

Files that are there stay; --force replaces them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.command_line import image_size
from common.config import read_config
from common.errors import exit_on_user_error
from common.export import refuse_to_replace
from common.onnx_files import INT8_SUFFIX
from tasks import check_options, command_of, task_of

# What loads a config and its weights, by package.
LOADERS = {"mmseg": "init_model", "mmdet": "init_detector"}


def parse_args(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", help="config of the network, or of the run that distilled it")
    parser.add_argument("checkpoint", help="its trained weights")
    parser.add_argument(
        "--out", metavar="FILE", help="plain checkpoint to write (CONFIG's name + _student.pth, beside CHECKPOINT)"
    )
    parser.add_argument("--onnx", metavar="FILE", help="also write ONNX, checked with onnxruntime")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.add_argument("--trust-checkpoint", action="store_true", help="unpickle any object in it: this can run code")
    # Options that are not given are left to the task.
    images = parser.add_argument_group("segmentation and detection", argument_default=argparse.SUPPRESS)
    images.add_argument(
        "--size",
        type=image_size,
        metavar="HxW",
        help="image size of the ONNX file (the config's crop size; for boxes that of its test images)",
    )
    images.add_argument("--labels", action="store_true", help="segmentation: let the ONNX file return labels")
    small = parser.add_argument_group(
        "detection, landmarks and modulation recognition", argument_default=argparse.SUPPRESS
    )
    small.add_argument("--int8", action="store_true", help="write NAME.int8.onnx too, and compare the two")
    small.add_argument(
        "--calibration-frames",
        type=int,
        metavar="N",
        help="of the training data (images: 64, faces: 256, signals: 1024), for the integers' ranges",
    )
    small.add_argument("--part", help="of the data on which the two are compared: val or test (test)")
    small.add_argument("--data-root", metavar="FOLDER", help="the data, in place of the config's")
    signals = parser.add_argument_group("modulation recognition", argument_default=argparse.SUPPRESS)
    signals.add_argument(
        "--temperature", metavar="T", help="of the logits; 'fit' takes it from the validation data (the checkpoint's)"
    )
    signals.add_argument(
        "--samples-per-symbol", nargs=2, type=float, metavar=("LEAST", "MOST"), help="where the data do not tell"
    )
    return parser.parse_args(arguments)


def exported_files(out: str, onnx: str | None, int8: bool, beside: Mapping[str, Sequence[str]]) -> list[Path]:
    """The files that an export writes.

    Args:
        out: the plain checkpoint.
        onnx: the ONNX file, if there is to be one.
        int8: whether one in integers stands beside it.
        beside: a task's suffixes of what else stands beside the files of 'out' and 'onnx'.
    """
    files = [Path(out), *(Path(out).with_suffix(suffix) for suffix in beside.get("out", ()))]
    if onnx is not None:
        suffixes = [*beside.get("onnx", ()), *([INT8_SUFFIX] if int8 else [])]
        files += [Path(onnx), *(Path(onnx).with_suffix(suffix) for suffix in suffixes)]
    return files


def describe(report: dict[str, Any]) -> str:
    """What was written, line by line."""
    count = report["parameters"]
    parameters = f"{count / 1e6:.2f} M" if count >= 1e6 else f"{count:,}"
    lines = [f"{report['checkpoint']}: {parameters} parameters, plain checkpoint"]
    if report.get("config"):
        load = LOADERS[report["package"]]
        lines.append(f"{report['config']}: its config; {load}({report['config']!r}, {report['checkpoint']!r})")
    elif report.get("foreign_modules"):
        lines.append(f"no plain config: {report['package']} does not have {', '.join(report['foreign_modules'])}")
    if report.get("left_out"):
        left_out = ", ".join(report["left_out"])
        lines.append(f"left out of its test pipeline, as {report['package']} does not have them: {left_out}")
    lines += report.get("notes", [])
    if report["onnx"]:
        onnx = report["onnx"]
        shape = "x".join(map(str, onnx["input_shape"]))
        lines.append(
            f"{onnx['path']}: input {shape}, {onnx['megabytes']:.3g} MB, opset {onnx['opset']}; largest "
            f"difference to torch {onnx['max_abs_difference']:.1e}; {onnx['latency_ms']:.3g} ms for one "
            f"(onnxruntime, one thread, median of {onnx['timing_runs']})"
        )
    if report.get("int8"):
        int8 = report["int8"]
        describe_scores = next(DESCRIPTIONS[key] for key in DESCRIPTIONS if key in int8)
        lines.append(f"{int8['path']}: {int8['megabytes']:.3f} MB; {describe_scores(int8)}")
    return "\n".join(lines)


def _describe_precision(int8: dict[str, Any]) -> str:
    average, half = int8["AP"], int8["AP50"]
    return (
        f"AP {average['int8']:.2f} % (AP50 {half['int8']:.2f} %) against {average['fp32']:.2f} % ({half['fp32']:.2f} "
        f"%) in fp32 on {int8['images']} {int8['part']} images"
    )


def _describe_accuracy(int8: dict[str, Any]) -> str:
    accuracy = int8["accuracy"]
    return (
        f"accuracy {accuracy['int8']:.2f} % against {accuracy['fp32']:.2f} % in fp32 on {int8['frames']} "
        f"{int8['part']} frames, one answer on {int8['agreement']:.2f} %"
    )


def _describe_errors(int8: dict[str, Any]) -> str:
    errors = int8["nme_ocular"]
    return (
        f"NME (ocular) {errors['int8']:.2f} % against {errors['fp32']:.2f} % in fp32 on {int8['faces']} {int8['part']} "
        f"faces, points moved by {int8['moved']:.2f} % of the crop on average"
    )


# What compares the two -> what tells it.
DESCRIPTIONS = {"accuracy": _describe_accuracy, "nme_ocular": _describe_errors, "AP": _describe_precision}


@exit_on_user_error
def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = vars(parse_args(arguments))
    config, checkpoint, out, onnx = (options.pop(name) for name in ("config", "checkpoint", "out", "onnx"))
    trust, force = options.pop("trust_checkpoint"), options.pop("force")
    cfg = read_config(config)
    export = command_of(cfg, "export")
    check_options(export, options, config)
    out = out or str(Path(checkpoint).with_name(f"{Path(config).stem}_student.pth"))
    files = exported_files(out, onnx, options.get("int8", False), task_of(cfg).EXPORTED_BESIDE)
    if not force:
        refuse_to_replace(file for file in files if file.resolve() != Path(checkpoint).resolve())
    print(describe(export(config, checkpoint, out, onnx, trust=trust, **options)))
    report = Path(onnx or out).with_suffix(".json")
    if report in files:
        print(f"{report}: all of this, and what the files tell of themselves")
    return 0


if __name__ == "__main__":
    sys.exit(main())
