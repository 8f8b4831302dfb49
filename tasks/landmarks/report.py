"""Tables, pictures and the page of an evaluation of landmark networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from common.panels import Panel, panel_grid
from common.report import (
    Cell,
    Picture,
    Section,
    Table,
    gain_cell,
    line_plot,
    mean_and_spread,
    origin_section,
    scatter_plot,
    write_html,
    write_json,
    write_png,
    write_text,
)
from tasks.landmarks.metrics import THRESHOLDS, ced, describe_distance
from tasks.landmarks.pictures import face_picture, mean_face, point_maps, region_bars
from tasks.landmarks.results import Evaluation, Run

SIDE_BY_SIDE = 4  # networks in a row of faces
SPLITS = {
    "test": "The test split: no checkpoint, no epoch and no setting may have been chosen by these numbers.",
    "val": "The validation split, a part of the training data. Settings may have been chosen by these numbers, so they "
    "flatter; what is reported comes from the test split.",
}
PAPER_AUC = (
    "What the authors of KD-Loss print as AUC, by the formula of their code, over errors up to 10 percent. For "
    "comparison with their tables only: a network without errors gets 0.95, and the standard AUC above is far lower "
    "(0.79 by their formula is about 0.60)."
)
POINTS_NOTE = "Green: labelled. Red: predicted, by the first checkpoint of each network. White: the error."


def _title(found: Evaluation, what: str, unit: str = "percent", by: str | None = None) -> str:
    """A table's title: never without what its errors are divided by."""
    return f"{what} over {len(found.faces)} faces of the {found.settings.split} split ({unit}; {by or found.distance})"


def _columns(found: Evaluation) -> dict[str, str]:
    """Score -> its column, those that the summary shows."""
    judged = found.settings.distance
    columns = {f"nme_{kind}": f"NME {kind}" for kind in found.scheme.distances}
    columns |= {f"fr{level}_{judged}": f"FR@{level}" for level in THRESHOLDS}
    return columns | {f"auc{level}_{judged}": f"AUC@{level}" for level in THRESHOLDS}


def summary_table(found: Evaluation) -> Table:
    """A row per arm: scores in percent, mean ± standard deviation over its checkpoints."""
    columns = _columns(found)
    rows: list[list[Cell]] = [
        [name, *(mean_and_spread(found.values(name, score)) for score in columns), len(arm.runs)]
        for name, arm in found.arms.items()
    ]
    kinds = ", ".join(f"{kind} by {describe_distance(found.scheme, kind)}" for kind in found.scheme.distances)
    title = _title(found, "Scores", by=f"NME {kinds}; FR and AUC by {found.distance}")
    return Table(title, ["network", *columns.values(), "seeds"], rows)


def gains_table(found: Evaluation, baseline: str) -> Table:
    """Differences of means to the arm ``baseline``, and what the spread over seeds lets one say of them."""
    judged = found.settings.distance
    scores = {"nme": f"nme_{judged}", "fr": f"fr10_{judged}", "auc": f"auc10_{judged}"}
    rows: list[list[Cell]] = []
    for name, arm in found.arms.items():
        if name == baseline:
            continue
        cells = [
            # Of AUC alone more is better.
            gain_cell(found.values(name, score), found.values(baseline, score), kind != "auc", kind == "nme")
            for kind, score in scores.items()
        ]
        nearer = arm.errors.mean(axis=1) < found.arms[baseline].errors.mean(axis=1)
        rows.append([name, *cells, f"{100 * nearer.mean():.1f}"])
    title = _title(found, f"Against {baseline}, differences of means", "points; of NME also the share")
    return Table(title, ["network", "NME", "FR@10", "AUC@10", "better on % of faces"], rows)


def parts_table(found: Evaluation, score: str, name: str) -> Table:
    """A row per subset and attribute: a score of every arm."""
    rows = [
        [part.name, int(part.chosen.sum()), *(mean_and_spread(found.values(arm, score, part)) for arm in found.arms)]
        for part in found.parts
    ]
    return Table(_title(found, f"{name} by part"), ["part", "faces", *found.arms], rows)


def regions_table(found: Evaluation) -> Table | None:
    """A row per region of the face: mean error of its points; None for a scheme without regions."""
    regions = _regions(found)
    names = list(next(iter(regions.values())))
    if not names:
        return None
    rows = [[name, *(mean_and_spread(each[name]) for each in regions.values())] for name in names]
    return Table(_title(found, "Mean error by region"), ["region", *regions], rows)


def _regions(found: Evaluation) -> dict[str, dict[str, list[float]]]:
    by_arm = {name: [found.regions(run) for run in arm.runs] for name, arm in found.arms.items()}
    return {name: {region: [run[region] for run in runs] for region in runs[0]} for name, runs in by_arm.items()}


def cost_table(found: Evaluation) -> Table:
    """A row per arm: size, and work and time for a face."""
    rows: list[list[Cell]] = []
    timed = any(arm.cost.latency for arm in found.arms.values())
    for name, arm in found.arms.items():
        row = [name, f"{arm.cost.parameters / 1e6:.2f}", f"{arm.cost.macs / 1e9:.3f}", arm.cost.size]
        rows.append(row + ([f"{each:.3g}" for each in arm.cost.latency] if timed else []))
    columns = ["network", "M params", "G MACs", "pixels a side"]
    return Table("Cost of a face", columns + (["ms, median", "ms, 95 %"] if timed else []), rows)


def paper_table(found: Evaluation) -> Table:
    """A row per arm: the authors' own AUC, for comparison only."""
    rows: list[list[Cell]] = []
    for name in found.arms:
        values = [found.paper_auc(run) for run in found.arms[name].runs]
        spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
        rows.append([name, f"{np.mean(values):.4f}{spread}"])
    title = _title(found, "The authors' own AUC, not the standard one,", "0.95 without errors")
    return Table(title, ["network", "AUC of the paper"], rows)


def write_evaluation(
    found: Evaluation,
    out: str | Path,
    origin: Mapping[str, object],
    baseline: str,
    pictures: int = 6,
    paper_auc: bool = False,
) -> Path:
    """Write evaluation.json, CSV files, pictures (PNG), and index.html with all of them.

    Args:
        found: the arms, all over the same faces.
        out: the folder.
        origin: what goes into the JSON and the page's foot about the run; see `common.provenance.provenance`.
        baseline: name of the arm that the others are compared with.
        pictures: how many faces each sheet of faces shows; 0 leaves them out.
        paper_auc: also tell the authors' own AUC.

    Returns:
        The path of the page.
    """
    out = Path(out)
    judged = found.settings.distance
    tables = [summary_table(found), *([gains_table(found, baseline)] if len(found.arms) > 1 else []), cost_table(found)]
    scores = {"NME": f"nme_{judged}", "FR@10": f"fr10_{judged}", "AUC@10": f"auc10_{judged}"}
    parts = [parts_table(found, score, name) for name, score in scores.items()] if len(found.parts) > 1 else []
    regions = regions_table(found)
    sections = [
        Section("Warnings", found.warnings) if found.warnings else None,
        Section("Scores", [SPLITS[found.settings.split], *tables, _seed_note(found)]),
        Section("Cumulative errors", [_ced_picture(found, out)]),
        Section("Error and time", [_cost_picture(found, out)]) if _timed(found) else None,
        Section("Subsets and attributes", parts) if parts else None,
        Section("Regions", [_region_picture(found, out), regions]) if regions else None,
        Section("Points", _point_pictures(found, out, baseline)),
        Section("Faces", _face_sheets(found, out, baseline, pictures)) if pictures else None,
        Section("Comparison with the paper", [PAPER_AUC, paper_table(found)]) if paper_auc else None,
        origin_section(origin),
    ]
    write_json(out / "evaluation.json", _record(found, origin, paper_auc))
    for name, table in _csv_tables(found).items():
        write_text(out / f"{name}.csv", table.csv())
    page = out / "index.html"
    title = f"Face landmarks ({found.settings.split} split): {', '.join(found.arms)}"
    write_html(page, title, [section for section in sections if section is not None])
    return page


def _seed_note(found: Evaluation) -> str:
    note = (
        "NME: mean distance of predicted and labelled points of a face, divided by the distance named in the title; "
        "mean over faces. FR@t: share of faces with an NME above t percent. AUC@t: area under the cumulative errors up "
        "to t, as a share of t. ± is the standard deviation over the checkpoints of a name, which should differ in "
        "their seed alone."
    )
    if any(len(arm.runs) == 1 for arm in found.arms.values()):
        note += " A network with one checkpoint has no spread: its differences may be chance."
    return note


def _reach(found: Evaluation) -> float:
    """The largest error of the curves: 10 percent as in the literature, more only if half of the faces lie beyond."""
    medians = [float(np.median(run.errors.mean(axis=1))) for _, _, run in found.runs()]
    return next((reach for reach in (0.1, 0.2, 0.5, 1.0) if min(medians) <= reach), 2.0)


def _curves(found: Evaluation) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Arm -> errors and shares in percent: ``[steps + 1]`` and ``[runs, steps + 1]``."""
    reach = _reach(found)
    curves = {}
    for name, arm in found.arms.items():
        each = [ced(run.errors.mean(axis=1), reach) for run in arm.runs]
        curves[name] = 100 * each[0][0], 100 * np.stack([shares for _, shares in each])
    return curves


def _ced_picture(found: Evaluation, out: Path) -> Picture:
    curves, spreads = {}, {}
    for name, (levels, shares) in _curves(found).items():
        curves[name] = dict(zip(levels.tolist(), shares.mean(axis=0).tolist(), strict=True))
        if len(shares) > 1:
            spreads[name] = dict(zip(levels.tolist(), shares.std(axis=0, ddof=1).tolist(), strict=True))
    path = out / "ced.png"
    xlabel = f"NME of a face (percent; {found.distance})"
    line_plot(curves, xlabel, "faces with at most this error (percent)", path, spreads=spreads)
    return Picture(
        path, "Cumulative errors of faces: mean over seeds, and a band of one standard deviation either way."
    )


def _timed(found: Evaluation) -> bool:
    return len(found.arms) > 1 and all(arm.cost.latency for arm in found.arms.values())


def _cost_picture(found: Evaluation, out: Path) -> Picture:
    path = out / "cost.png"
    score = f"nme_{found.settings.distance}"
    points = {name: (arm.cost.latency.p50, found.values(name, score)) for name, arm in found.arms.items()}
    scatter_plot(points, "time of a face (milliseconds; torch, one thread)", f"NME (percent; {found.distance})", path)
    return Picture(path, "Mean error against time of a face; whiskers: standard deviation over seeds.")


def _region_picture(found: Evaluation, out: Path) -> Picture:
    path = out / "regions.png"
    region_bars(_regions(found), f"mean error (percent)\n{found.distance}", path)
    return Picture(path, "Mean error of the points of each region; whiskers: standard deviation over seeds.")


def point_gains(found: Evaluation, baseline: str) -> dict[str, np.ndarray]:
    """By how much each point is nearer than with ``baseline``, points of a percentage: name of the arm -> ``[n]``."""
    errors = {name: 100 * arm.errors.mean(axis=0) for name, arm in found.arms.items()}
    return {name: errors[baseline] - each for name, each in errors.items() if name != baseline}


def _point_pictures(found: Evaluation, out: Path, baseline: str) -> list[Picture]:
    shape = mean_face(found.points)
    errors = {name: 100 * arm.errors.mean(axis=0) for name, arm in found.arms.items()}
    gains = point_gains(found, baseline)
    path = out / "points.png"
    point_maps(shape, errors, found.scheme, f"mean error (percent)\n{found.distance}", path)
    parts = [
        Picture(
            path,
            "Mean error of each point over faces and seeds, on the mean face; the three largest with their numbers.",
        )
    ]
    if gains:
        path = out / "points_gain.png"
        label = f"points of a percentage better than {baseline}\n{found.distance}"
        point_maps(shape, gains, found.scheme, label, path, diverging=True)
        parts.append(Picture(path, f"By how much each point is nearer than with {baseline} (purple); orange: farther."))
    return parts


def chosen_faces(found: Evaluation, baseline: str, count: int) -> dict[str, tuple[list[int], str]]:
    """The faces worth a look, those that flatter the last network and those that do not.

    Args:
        found: the arms; the last one is looked at, by its first checkpoint.
        baseline: name of the arm that it is compared with.
        count: of faces of each kind.

    Returns:
        ``'worst'`` and, if the last arm is not the baseline, ``'gains'`` and ``'losses'`` -> places of faces, the most
        extreme first, and what they are; without those of which there are no faces.
    """
    faces = {name: arm.runs[0].errors.mean(axis=1) for name, arm in found.arms.items()}
    last = next(reversed(faces))
    orders = {"worst": (-faces[last], f"The faces with the largest errors of {last}.")}
    if last != baseline:
        change = faces[last] - faces[baseline]
        orders["gains"] = change, f"The faces where {last} gains most over {baseline}."
        orders["losses"] = -change, f"The faces where {last} loses most against {baseline}."
    # Below 0 are errors, gains and losses: a network that is nearer on every face has no losses to show.
    chosen = {
        kind: ([int(place) for place in np.argsort(order, kind="stable")[:count] if order[place] < 0], said)
        for kind, (order, said) in orders.items()
    }
    return {kind: each for kind, each in chosen.items() if each[0]}


def _face_sheets(found: Evaluation, out: Path, baseline: str, count: int) -> list[str | Picture]:
    shown = side_by_side(list(found.arms), baseline)
    parts: list[str | Picture] = [f"{POINTS_NOTE} NME in percent ({found.distance})."]
    for kind, (places, said) in chosen_faces(found, baseline, count).items():
        path = out / f"faces_{kind}.png"
        panels = [panel for place in places for panel in _face_row(found, place, shown)]
        write_png(path, panel_grid(panels, len(shown) + 1))
        parts.append(Picture(path, said))
    return parts


def side_by_side(names: Sequence[str], baseline: str) -> list[str]:
    """Which networks a row of faces shows: the baseline, and as many of the last others as fit."""
    others = [name for name in names if name != baseline]
    return [baseline, *others[-(SIDE_BY_SIDE - 1) :]]


def _face_row(found: Evaluation, place: int, shown: Sequence[str]) -> list[Panel]:
    crop, to_crop = found.crop(place)
    face, lines = found.faces[place], found.scheme.lines
    panels = [Panel(face_picture(crop, to_crop, face.points, lines=lines), face.name)]
    for name in shown:
        run = found.arms[name].runs[0]
        error = 100 * run.errors[place].mean()
        panels.append(Panel(face_picture(crop, to_crop, face.points, run.points[place]), f"{name}: {error:.1f} %"))
    return panels


def _record(found: Evaluation, origin: Mapping[str, object], paper_auc: bool) -> dict[str, object]:
    networks = {}
    for name, arm in found.arms.items():
        scores = [found.scores(run) for run in arm.runs]
        networks[name] = {
            "mean": {key: float(np.mean([each[key] for each in scores])) for key in scores[0]},
            "std": {
                key: float(np.std([each[key] for each in scores], ddof=1)) if len(scores) > 1 else None
                for key in scores[0]
            },
            "cost": arm.cost._asdict() | {"latency": arm.cost.latency and arm.cost.latency._asdict()},
            "runs": [_run_record(found, run) for run in arm.runs],
        }
        if paper_auc:
            values = [found.paper_auc(run) for run in arm.runs]
            networks[name]["auc_paper"] = {"note": "for comparison with the paper's tables only", "runs": values}
    return {
        "split": found.settings.split,
        "faces": len(found.faces),
        "scheme": found.scheme.name,
        "distance": {"judged": found.settings.distance, "frame": found.settings.frame}
        | {kind: describe_distance(found.scheme, kind) for kind in found.scheme.distances},
        "warnings": found.warnings,
        "networks": networks,
        "provenance": origin,
    }


def _run_record(found: Evaluation, run: Run) -> dict[str, object]:
    return {
        "source": run.source,
        "scores": found.scores(run),
        "parts": {
            part.name: {"kind": part.kind, "faces": int(part.chosen.sum()), **found.scores(run, part)}
            for part in found.parts[1:]
        },
        "regions": found.regions(run),
        "points": (100 * run.errors.mean(axis=0)).tolist(),
    }


def _csv_tables(found: Evaluation) -> dict[str, Table]:
    """Every number for other programs, in percent: a row per checkpoint and what it is about."""
    faces, points, parts, curves = [], [], [], []
    kinds = [f"nme_{kind}" for kind in found.scheme.distances]
    attributes = [part.name for part in found.parts if part.kind == "attribute"]
    region_of = {point: name for name, group in found.scheme.regions.items() for point in group}
    scores: list[str] = []
    for name, number, run in found.runs():
        for place, face in enumerate(found.faces):
            errors = [100 * float(run.nme[kind][place]) for kind in found.scheme.distances]
            flags = [int(bool(face.attributes.get(attribute))) for attribute in attributes]
            faces.append([name, number, face.name, face.subset, *errors, int(run.errors[place].argmax()), *flags])
        for point, error in enumerate(100 * run.errors.mean(axis=0)):
            points.append([name, number, point, region_of.get(point, ""), float(error)])
        for part in found.parts:
            found_scores = found.scores(run, part)
            scores = list(found_scores)
            parts.append([name, number, part.name, part.kind, int(part.chosen.sum()), *found_scores.values()])
    for name, (levels, shares) in _curves(found).items():
        for number, each in enumerate(shares, start=1):
            curves += [[name, number, float(level), float(share)] for level, share in zip(levels, each, strict=True)]
    return {
        "scores": Table("", ["network", "run", "part", "kind", "faces", *scores], parts),
        "faces": Table("", ["network", "run", "face", "subset", *kinds, "worst_point", *attributes], faces),
        "points": Table("", ["network", "run", "point", "region", "error"], points),
        "ced": Table("", ["network", "run", "nme", "faces"], curves),
    }
