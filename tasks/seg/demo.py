"""Segmentation's demo: BPKD and its rivals on generated street scenes."""

from __future__ import annotations

from pathlib import Path

from common.provenance import provenance
from common.reproduction import Reproduction
from common.tables import load_table
from common.training import newest_checkpoint
from data_prep.seg.synthetic import generate
from tasks.seg.evaluation import evaluate, write_evaluation
from tasks.seg.models import build_dataset, load_segmentor

DATA = "data/demo/seg"
OUT = "work_dirs/demo/seg"


def run(jobs: int) -> Path:
    """Generate the data, run what is missing of the table ``seg_demo``, print it and write the report.

    Args:
        jobs: runs at a time.

    Returns:
        Path of the HTML page.
    """
    generate(DATA, train_clips=120, val_clips=4, test_clips=24, frames=2, size=(160, 120), seed=0, flow=False)
    table = load_table("seg_demo")
    runs = Reproduction(table, work_dir=OUT, results=OUT, data_root=DATA, device="cpu")
    runs.run_missing(jobs)
    tables = runs.report()
    for shown in tables:
        shown.print()
    networks, evaluations = {}, {}
    # The reference of all differences first.
    for row in sorted(table.rows, key=lambda row: row.name != table.baseline):
        model, cfg = load_segmentor(row.config, newest_checkpoint(runs.run_dir(row, row.seeds[0])), "cpu")
        networks[row.name] = (model, build_dataset(cfg, table.split, DATA))
    for name in networks:
        evaluations[name] = evaluate(*networks[name], "cpu", name=name)
    origin = {"data": "data_prep/seg/synthetic.py, seed 0", "split": table.split, **provenance()}
    return write_evaluation(evaluations, networks, OUT, origin)
