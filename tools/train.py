"""Train a teacher, a student alone, or a student from its teachers, as a config says.

Examples:
    python tools/train.py configs/seg/bpkd_deeplab.py
    python tools/train.py MY_MMSEG_CONFIG.py --teacher TEACHER_CONFIG.py TEACHER.pth --method bpkd
"""

from __future__ import annotations

import argparse
import os
import sys

from common.atomic import atomic_write
from common.config import ReadOptions, check_keys, prepare_run, read_config
from common.errors import exit_on_user_error
from common.training import forget_pretrained, leave_processes, set_data_root, train, use_mixed_precision
from tasks import command_of, task_of

# Options for what --teacher puts around the student; all others are for the student's own config.
DISTILLING = ("model.losses.", "model.taps.", "model.teachers.", "model.student.", "model.start")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="an mmengine config of this suite or of mmseg")
    parser.add_argument("--teacher", nargs=2, metavar=("CONFIG", "CHECKPOINT"), help="distil from this network")
    parser.add_argument(
        "--method",
        help="with --teacher: kd, cwd, bpkd (default); of classifiers kd (default), …; of faces kd_landmark (default), "
        "output, feature; of detectors acam (default), …; of signals skd (default), …",
    )
    parser.add_argument("--write-config", metavar="FILE", help="write the whole config to FILE and stop")
    parser.add_argument("--work-dir", help="where checkpoints and logs go (default: work_dirs/NAME_OF_CONFIG)")
    parser.add_argument("--data-root", help="the data folder, in place of the config's")
    parser.add_argument("--seed", type=int, help="of initialisation, order and augmentation (default: the config's)")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in the work folder")
    parser.add_argument("--amp", action="store_true", help="mixed precision")
    parser.add_argument("--no-pretrained", action="store_true", help="do not fetch ImageNet weights for backbones")
    parser.add_argument("--trust-checkpoint", action="store_true", help="unpickle any object in checkpoints")
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm", "mpi"), default="none")
    parser.add_argument("--cfg-options", nargs="+", action=ReadOptions, metavar="KEY=VALUE", help="single values")
    return parser.parse_args(argv)


@exit_on_user_error
def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    options = args.cfg_options or {}
    late = {key: value for key, value in options.items() if args.teacher and key.startswith(DISTILLING)}
    cfg = read_config(args.config, {key: value for key, value in options.items() if key not in late})
    task = task_of(cfg)
    check_keys(cfg, strict=args.teacher is None and "common.engine" in cfg.get("custom_imports", {}).get("imports", []))
    if args.data_root:
        set_data_root(cfg, args.data_root)
    if args.teacher:
        cfg = command_of(cfg, "distilled_config")(cfg, *args.teacher, args.method or task.DEFAULT_METHOD)
        cfg.merge_from_dict(late)
    task.prepare(cfg)
    if args.no_pretrained:
        forget_pretrained(cfg)
    if args.amp:
        use_mixed_precision(cfg)
    cfg.launcher = args.launcher
    os.environ.setdefault("LOCAL_RANK", "0")
    if args.seed is not None:
        cfg.randomness = {**(cfg.get("randomness") or {}), "seed": args.seed}
    if args.work_dir:
        cfg.work_dir = args.work_dir
    if args.write_config:
        with atomic_write(args.write_config, "w") as file:
            file.write(cfg.pretty_text)
        print(f"wrote {args.write_config}")
        return
    task.check_data(cfg)
    train(prepare_run(cfg), args.resume, args.trust_checkpoint)
    leave_processes()


if __name__ == "__main__":
    sys.exit(main())
