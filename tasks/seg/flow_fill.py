"""Optical flow of a training config's clips, computed ahead of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from common.errors import ConfigError, DataError
from tasks.seg.clips import fill_flow_cache
from tasks.seg.flow import build_flow

SPLITS = ("train", "val", "test")


class Filled(NamedTuple):
    """What became of the clips of one data set.

    Attributes:
        split: whose data loader reads them.
        pairs: of frames, whose flow is now in the cache.
        folder: the cache.
    """

    split: str
    pairs: int
    folder: str


def fill_flow(cfg: Config, splits: Sequence[str] | None = None, threads: int = 1) -> list[Filled]:
    """Compute the flow that a config's clips are loaded with, of all steps of all views, and keep it.

    Args:
        cfg: a config whose data loaders read `tasks.seg.clips.ClipDataset`, with
            ``dict(type='LoadNeighbours', flow=dict(type='DISFlow', cache=FOLDER))`` or another estimator.
        splits: of ``'train'``, ``'val'`` and ``'test'``; None takes those that keep flow.
        threads: that estimate at the same time.

    Returns:
        An entry for each data set of clips.

    Raises:
        ConfigError: if a split, or without ``splits`` all of them, has no clips with flow that is kept.
        DataError: if data are missing or can't be read, or flow can't be written.
    """
    if threads < 1:
        raise ConfigError(f"expected --threads of at least 1 but found {threads}")
    init_default_scope(cfg.get("default_scope", "mmseg"))
    filled = []
    for split in SPLITS if splits is None else splits:
        clips = list(_clips((cfg.get(f"{split}_dataloader") or {}).get("dataset")))
        kept = [(clip, flow) for clip, flow in clips if flow.get("cache")]
        if splits is not None and not kept:
            raise ConfigError(_found_none(f"{split}_dataloader of {cfg.filename}", clips))
        for clip, flow in kept:
            estimator = build_flow(flow)
            try:
                dataset = DATASETS.build({**clip, "pipeline": []})
            except FileNotFoundError as error:
                raise DataError(f"expected the data of {cfg.filename} but found {error}; set its data_root") from error
            filled.append(Filled(split, fill_flow_cache(dataset, estimator, threads), str(flow["cache"])))
    if not filled:
        raise ConfigError(_found_none(cfg.filename, _clips(cfg)))
    return filled


def _found_none(where: str, clips: Any) -> str:
    kinds = sorted({str(flow.get("type")) for _, flow in clips})
    found = f"flow that is not kept: {', '.join(kinds)}" if kinds else "none"
    return (
        "expected clips, ClipDataset with LoadNeighbours(flow=dict(type='DISFlow', cache=FOLDER)), in "
        f"{where} but found {found}; exact and stored flow is there already, other flow needs a cache"
    )


def _clips(part: Any) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The configs of data sets of clips below a part of a config, each with that of its flow."""
    if isinstance(part, (list, tuple)):
        for each in part:
            yield from _clips(each)
    elif isinstance(part, (Mapping, Config)):
        flow = _flow(part.get("pipeline"))
        if str(part.get("type")).rpartition(".")[2] == "ClipDataset" and flow is not None:
            yield part, flow
            return
        for _, each in part.items():
            yield from _clips(each)


def _flow(pipeline: Any) -> Mapping[str, Any] | None:
    for step in pipeline or ():
        if str(step.get("type")).rpartition(".")[2] == "LoadNeighbours" and step.get("flow"):
            return step["flow"]
    return None
