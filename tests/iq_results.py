"""The command that tells modulations, recordings for it, and what it writes into the folder ``out``."""

import csv
import json
import runpy

from conftest import ROOT
from iq_networks import DIRECTIONS

main = runpy.run_path(str(ROOT / "tools" / "predict.py"))["main"]
NAMES = dict(zip("ENWS", DIRECTIONS, strict=True)) | {".": "noise"}


def rows(name):
    with open(f"out/{name}.modulations.csv", newline="") as file:
        return list(csv.DictReader(file))


def walked(found):
    """``(first sample, samples, label)`` of rows."""
    return [(int(row["sample_start"]), int(row["sample_count"]), row["label"]) for row in found]


def steps(phases, samples=160, start=0):
    """What `walked` is of ``walk(phases, samples)``."""
    return [(start + samples * place, samples, NAMES[phase]) for place, phase in enumerate(phases)]


def write_sigmf(samples, annotations=(), **facts):
    samples.tofile("a.sigmf-data")
    captures = [{"core:sample_start": facts.get("core:offset", 0), "core:frequency": 100e6}]
    facts = {"core:datatype": "cf32_le", "core:sample_rate": 1000, "core:version": "1.0.0", **facts}
    content = {"global": facts, "captures": captures, "annotations": list(annotations)}
    with open("a.sigmf-meta", "w") as file:
        json.dump(content, file)
    return content


def meta(path):
    with open(path) as file:
        return json.load(file)
