"""Detection's demo: ACAM-KD on generated scenes."""

from __future__ import annotations

from pathlib import Path

from common.provenance import provenance
from common.reproduction import Reproduction
from common.tables import load_table
from common.training import newest_checkpoint
from data_prep.det.synthetic import generate
from tasks.det.evaluation import add_cost, evaluate
from tasks.det.models import build_dataset, load_detector
from tasks.det.report import write_evaluation

DATA = "data/demo/det"
OUT = "work_dirs/demo/det"


def run(jobs: int) -> Path:
    """Generate the data, run what is missing of the table ``det_demo``, print it and write the report.

    Args:
        jobs: runs at a time.

    Returns:
        Path of the HTML page.
    """
    generate(DATA, train=600, val=60, test=250, size=160, seed=0)
    table = load_table("det_demo")
    runs = Reproduction(table, work_dir=OUT, results=OUT, data_root=DATA, device="cpu")
    runs.run_missing(jobs)
    for shown in runs.report():
        shown.print()
    networks = {}
    # The reference of all differences first.
    for row in sorted(table.rows, key=lambda row: row.name != table.baseline):
        model, cfg = load_detector(row.config, newest_checkpoint(runs.run_dir(row, row.seeds[0])), "cpu")
        networks[row.name] = (model, build_dataset(cfg, table.split, DATA))
    evaluations = {name: evaluate(*network, "cpu", name=name) for name, network in networks.items()}
    add_cost(evaluations, networks, "cpu", rounds=20)
    origin = {"data": "data_prep/det/synthetic.py, seed 0", "split": table.split, **provenance()}
    return write_evaluation(evaluations, OUT, origin)
