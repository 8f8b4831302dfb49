"""The landmarks task's demo: KD-Loss with two teachers on generated faces."""

from __future__ import annotations

from pathlib import Path

from common.provenance import provenance
from common.reproduction import Reproduction
from common.sources import Source
from common.tables import load_table
from common.training import newest_checkpoint
from data_prep.landmarks.synthetic import generate
from tasks.landmarks.evaluation import evaluate
from tasks.landmarks.report import write_evaluation
from tasks.landmarks.results import Settings

DATA = "data/demo/landmarks"
OUT = "work_dirs/demo/landmarks"


def run(jobs: int) -> Path:
    """Generate the data, run what is missing of the table ``landmarks_demo``, print it and write the report.

    Args:
        jobs: runs at a time.

    Returns:
        Path of the HTML page.
    """
    generate(DATA, train=1200, val=150, test=300, size=96, seed=0)
    table = load_table("landmarks_demo")
    runs = Reproduction(table, work_dir=OUT, results=OUT, data_root=DATA, device="cpu")
    runs.run_missing(jobs)
    for shown in runs.report():
        shown.print()
    sources = [
        Source(row.name, row.config, str(newest_checkpoint(runs.run_dir(row, row.seeds[0])))) for row in table.rows
    ]
    found = evaluate(sources, Settings(split=table.split, data_root=DATA))
    origin = {"data": "data_prep/landmarks/synthetic.py, seed 0", "split": table.split, **provenance()}
    return write_evaluation(found, OUT, origin, baseline=table.baseline)
