"""Generate I/Q frames of known modulation in the layouts of RadioML.

    python data_prep/amr/generate.py --preset clean --out data/amr/clean.h5
    python data_prep/amr/generate.py --preset rml2016 --frames 1000 --out data/amr/rml2016.pkl
    python data_prep/amr/generate.py --preset wide --mods all --snrs -10:30:2 --sps 4,8,16 --out data/amr/wide.h5

Presets: ``rml2016`` follows the published procedure of RadioML 2016.10A, its defects as switches that can be turned off
(``--no-legacy-snr`` and so on); ``clean`` gives a true SNR, a channel and phase of its own to each frame, and an AM-SSB
that carries a signal; ``wide`` is ``clean`` with several symbol rates and roll-offs and a larger carrier offset.
Layouts: see `data_prep.amr.output`.

A frame depends on the recipe, the seed, its modulation, its SNR label and its number alone: not on the number of
workers or on what else is in the set. So a small set is a part of a large one of the same recipe and seed: a set to
test on, beside the one that trains, must have another seed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from common.errors import ConfigError, exit_on_user_error
from data_prep.amr.frames import frame_sps, make_frames
from data_prep.amr.output import Block, check_output, open_writer
from data_prep.amr.recipe import (
    IMPAIRMENTS,
    MOD_SETS,
    PRESETS,
    SWITCHES,
    Extent,
    Recipe,
    check_extent,
    expand_mods,
    make_recipe,
    several,
)

_BLOCK_SAMPLES = 1 << 14
# What argparse takes for an option, but not with a space before it.
_NEGATIVE = re.compile(r"-\d[-\d:,]*")
FROZEN = (
    "note: all frames share one frozen channel and one noise sequence, as published: split by frames, test frames hold "
    "noise that was learnt. Give --no-frozen-channel, or test on a set of another --channel-seed"
)
Job = tuple[str, int, int, int]


def generate(path: str | Path, recipe: Recipe, extent: Extent, workers: int | None = None, force: bool = False) -> None:
    """Write a set to ``path``, which appears only when all of it is there.

    Args:
        path: file to write, ``*.pkl`` or ``*.h5``.
        recipe: how frames are made.
        extent: which frames.
        workers: processes; one for each core when None.
        force: replace a file that is there.

    Raises:
        ConfigError: if the extent or the file's suffix cannot be.
        DataError: if ``path`` exists (unless ``force``) or cannot be written.
    """
    path = Path(path)
    if workers is not None and workers < 1:
        raise ConfigError(f"expected workers >= 1 but found {workers}")
    check_extent(extent, recipe)
    check_output(path, force)
    jobs = list(_jobs(recipe, extent))
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    columns = TextColumn("frames"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left")
    with open_writer(path, recipe, extent) as writer, Progress(*columns, TimeRemainingColumn()) as progress:
        task = progress.add_task("", total=extent.total())
        for block in _in_order(partial(_make_block, recipe, extent.seed), jobs, workers):
            writer.write(block)
            progress.advance(task, len(block.frames))


def _jobs(recipe: Recipe, extent: Extent) -> Iterator[Job]:
    """(mod, snr, first frame, frames) of blocks of about 16,384 samples of each kind, in the order of the file."""
    # each kind of a block is made by itself: the more there are, the more frames it takes to be worth it
    size = max(1, _BLOCK_SAMPLES * min(len(recipe.kinds()), 8) // recipe.length)
    for mod in extent.mods:
        for snr in extent.snrs:
            for first in range(0, extent.frames, size):
                yield mod, snr, first, min(size, extent.frames - first)


def _make_block(recipe: Recipe, seed: int, job: Job) -> Block:
    mod, snr, first, count = job
    numbers = range(first, first + count)
    frames, measured = make_frames(recipe, seed, mod, snr, numbers)
    sps = frame_sps(recipe, seed, mod, snr, numbers) if isinstance(recipe.sps, tuple) else None
    return Block(mod, snr, first, frames, measured, sps)


def _in_order(make: Callable[[Job], Block], jobs: Iterable[Job], workers: int) -> Iterator[Block]:
    """Blocks in the order of ``jobs``; never more than a few for each worker are in memory."""
    if workers == 1:
        yield from map(make, jobs)
        return
    # Not forked: the caller may run threads (torch), which a fork would leave in an undefined state.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        pending: deque = deque()
        try:
            for job in jobs:
                pending.append(pool.submit(make, job))
                if len(pending) > 8 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _mods(text: str) -> tuple[str, ...]:
    return expand_mods(_names(text))


def _snrs(text: str) -> tuple[int, ...]:
    """``-20:18:2`` (both ends included) or ``-10,0,10``."""
    try:
        if ":" not in text:
            return tuple(int(part) for part in text.split(","))
        low, high, step = (int(part) for part in text.split(":"))
        return tuple(range(low, high + 1, step))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected FIRST:LAST:STEP or A,B,C in whole dB but found {text!r}") from None


def _impairments(text: str) -> tuple[str, ...]:
    return () if text == "none" else _names(text)


def _one_or_several(kind: type, what: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            values = tuple(kind(part) for part in text.split(","))
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected {what} as A or A,B,... but found {text!r}") from None
        return values[0] if len(values) == 1 else values

    return parse


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Generate I/Q frames of known modulation in the layouts of RadioML.")
    parser.add_argument("--preset", choices=list(PRESETS), required=True)
    parser.add_argument(
        "--mods",
        type=_mods,
        default=MOD_SETS["10a"],
        metavar="A,B,...",
        help=f"modulations, or sets of them: {', '.join(MOD_SETS)} (default 10a)",
    )
    parser.add_argument(
        "--snrs", type=_snrs, default=_snrs("-20:18:2"), help="FIRST:LAST:STEP or A,B,... (default -20:18:2)"
    )
    parser.add_argument("--frames", type=int, default=1000, help="for each modulation and SNR (default %(default)s)")
    parser.add_argument("--length", type=int, default=128, help="samples in a frame (default %(default)s)")
    parser.add_argument(
        "--sps",
        type=_one_or_several(int, "whole samples per symbol"),
        metavar="A[,B,...]",
        help="samples per symbol; of several, each frame draws one (default: the preset's; 8 but for wide)",
    )
    parser.add_argument(
        "--rolloff",
        type=_one_or_several(float, "roll-offs"),
        metavar="A[,B,...]",
        help="of the root-raised-cosine pulse, likewise (default: the preset's; 0.35 but for wide)",
    )
    parser.add_argument(
        "--impairments",
        type=_impairments,
        metavar="A,B,...",
        help=f"of {', '.join(IMPAIRMENTS)}, or none (default: the preset's; rml2016 leaves phase out)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the frames (default %(default)s); a set of the same seed and recipe holds the same frames, more or "
        "fewer of them: a set to test on must have another",
    )
    parser.add_argument(
        "--channel-seed",
        type=int,
        help="of the frozen channel (default: 0x1337 as published); parts that test must have another than parts that "
        "train, since all frames of one share its noise",
    )
    parser.add_argument("--workers", type=int, help="processes (default: one for each core)")
    parser.add_argument("--out", type=Path, required=True, help="*.pkl (RadioML's layout) or *.h5")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    switches = parser.add_argument_group("switches", "default: the preset's")
    for name in SWITCHES:
        option = "--" + name.replace("_", "-")
        switches.add_argument(option, action=argparse.BooleanOptionalAction, help=_SWITCH_HELP.get(name))
    return parser


_SWITCH_HELP = {
    "legacy_snr": "noise amplitude 10^(-label/10) instead of a true SNR",
    "doubled_noise": "with legacy-snr: noise variance 2 amplitude^2 (GNU Radio of 2016), else amplitude^2 (3.10)",
    "am_ssb_bug": "AM-SSB is noise alone",
    "frozen_channel": "one fading path, clock walk and noise sequence for all frames",
    "pre_emphasis": "pre-emphasis in WBFM",
    "mean_amplitude": "constellations of mean amplitude 1 instead of mean power 1",
    "ssb_carrier": "AM-SSB keeps a carrier",
    "uniform_clock": "clock errors start anywhere within their bounds instead of at 0",
}


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args([f" {word}" if _NEGATIVE.fullmatch(word) else word for word in words])
    names = ("length", "sps", "rolloff", "impairments", "channel_seed", *SWITCHES)
    changes = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    recipe = make_recipe(options.preset, **changes)
    extent = Extent(options.mods, options.snrs, options.frames, options.seed)
    if recipe.frozen_channel:
        print(FROZEN)
    began = time.perf_counter()
    generate(options.out, recipe, extent, options.workers, options.force)
    took = time.perf_counter() - began
    print(f"{options.out}: {extent.total()} frames in {took:.1f} s ({extent.total() / took:.0f} frames/s)")
    if not recipe.legacy_snr:
        gains = " or ".join(f"{10 * np.log10(sps):.1f}" for sps in several(recipe.sps))
        print(f"a label is the SNR over the whole band; Es/N0 of the digital classes is {gains} dB more")


if __name__ == "__main__":
    raise SystemExit(main())
