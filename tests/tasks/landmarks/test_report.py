import csv
import json

import pytest
from PIL import Image
from square_faces import POINTS, Faces, face, network

from tasks.landmarks.evaluation import evaluate_networks
from tasks.landmarks.report import (
    chosen_faces,
    cost_table,
    gains_table,
    paper_table,
    parts_table,
    point_gains,
    regions_table,
    side_by_side,
    summary_table,
    write_evaluation,
)
from tasks.landmarks.results import Settings

FACES = [
    face("a", subset="common", attributes={"blur": False}),
    face("b", subset="challenging", attributes={"blur": True}),
]
TEST = Settings(rounds=0)


def evaluation(faces=FACES, settings=TEST, **shifts):
    """Networks that miss every point by so many pixels, tenths of the distance; several are seeds."""
    networks = [network(name, faces, (shift, 0.0)) for name, seeds in shifts.items() for shift in seeds]
    return evaluate_networks(networks, settings)


def rows(path):
    return list(csv.DictReader(path.open(encoding="utf-8")))


def test_seeds_are_summed_up_by_mean_and_standard_deviation():
    table = summary_table(evaluation(plain=[0.5], kd=[0.7, 0.9, 1.1]))
    assert table.columns == ["network", "NME ocular", "NME box", "FR@8", "FR@10", "AUC@8", "AUC@10", "seeds"]
    plain, kd = table.rows
    assert plain == ["plain", "5.00", "5.00", "0.00", "0.00", "37.50", "50.00", 1]
    # FR@10: 0, 0 and 100; AUC@10: 30, 10 and 0.
    assert kd[:2] == ["kd", "9.00 ± 2.00"]
    assert kd[4] == "33.33 ± 57.74"
    assert kd[6:] == ["13.33 ± 15.28", 3]


def test_tables_tell_what_errors_are_divided_by():
    found = evaluation(plain=[0.5], kd=[0.6])
    for table in (gains_table(found, "plain"), parts_table(found, "nme_ocular", "NME"), regions_table(found)):
        assert table.title.endswith("inter-ocular 0-1)")
        assert "2 faces of the test split" in table.title
    title = summary_table(found).title
    assert "NME ocular by inter-ocular 0-1, box by root of the area of the points' box" in title
    assert "FR and AUC by inter-ocular 0-1" in title
    judged_by_box = evaluation(settings=Settings(distance="box"), plain=[0.5], kd=[0.6])
    assert "FR and AUC by root of the area" in summary_table(judged_by_box).title
    assert "inter-ocular" not in gains_table(judged_by_box, "plain").title


def test_a_smaller_error_is_a_gain_only_beyond_the_spread_of_seeds():
    found = evaluation(plain=[0.60, 0.62], kd=[0.50, 0.51], same=[0.60, 0.64], worse=[0.85, 0.86], one=[0.3])
    gains = {row[0]: row[1:] for row in gains_table(found, "plain").rows}
    assert gains["kd"] == ["-1.05, -17.2 % (gain)", "+0.00 (no gain)", "+10.50 (gain)", "100.0"]
    assert gains["same"][0] == "+0.10, +1.6 % (no gain)"
    assert gains["worse"][0] == "+2.45, +40.2 % (loss)"
    assert gains["worse"][2:] == ["-24.50 (loss)", "0.0"]
    assert gains["one"][0].endswith("(spread unknown)")


def test_a_baseline_without_errors_has_no_share():
    assert gains_table(evaluation(plain=[0.0], kd=[0.1]), "plain").rows[0][1] == "+1.00 (spread unknown)"


def test_parts_are_told_with_their_faces():
    found = evaluation([FACES[0], face("b", 2 * POINTS, subset="challenging", attributes={"blur": True})], kd=[1.0])
    assert parts_table(found, "nme_ocular", "NME").rows == [
        ["all", 2, "7.50"],
        ["common", 1, "10.00"],
        ["challenging", 1, "5.00"],
        ["blur", 1, "5.00"],
    ]


def test_regions_and_cost_have_a_row_each():
    found = evaluation(plain=[0.5], kd=[0.6, 0.8])
    assert regions_table(found).rows == [["eyes", "5.00", "7.00 ± 1.41"], ["mouth", "5.00", "7.00 ± 1.41"]]
    assert cost_table(found).rows == [["plain", "0.01", "0.000", 16], ["kd", "0.01", "0.000", 16]]


def test_a_time_is_told_and_drawn_where_it_was_taken(tmp_path):
    found = evaluation(settings=Settings(rounds=2), plain=[0.5], kd=[0.6, 0.8])
    table = cost_table(found)
    assert table.columns[4:] == ["ms, median", "ms, 95 %"]
    assert all(0 < float(median) <= float(slow) for *_, median, slow in table.rows)
    page = write_evaluation(found, tmp_path, {}, "plain", pictures=0).read_text(encoding="utf-8")
    assert "Error and time" in page
    assert Image.open(tmp_path / "cost.png").size[0] > 600
    assert json.loads((tmp_path / "evaluation.json").read_text())["networks"]["kd"]["cost"]["latency"]["p50"] > 0


def test_the_area_of_the_paper_is_labelled_as_such():
    table = paper_table(evaluation(kd=[0.0]))
    assert table.rows == [["kd", "0.9500"]]
    assert table.title.startswith("The authors' own AUC, not the standard one")


def test_everything_is_written(tmp_path):
    found = evaluation(plain=[0.5], kd=[0.6, 0.8])
    page = write_evaluation(found, tmp_path, {"commit": "abc"}, "plain", pictures=1)
    names = {path.name for path in tmp_path.iterdir()}
    sheets = {f"faces_{kind}.png" for kind in ("worst", "losses")}  # kd gains on no face
    tables = {f"{name}.csv" for name in ("ced", "faces", "points", "scores")}
    pictures = {f"{name}.png" for name in ("ced", "points", "points_gain", "regions")}
    assert names == {"index.html", "evaluation.json"} | sheets | tables | pictures
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png") == 6
    assert "<h2>Subsets and attributes" in text
    assert "no checkpoint, no epoch and no setting may have been chosen by these numbers" in text
    assert "AUC of the paper" not in text


def test_the_record_holds_scores_of_runs_and_parts(tmp_path):
    found = evaluation(plain=[0.5], kd=[0.6, 0.8])
    write_evaluation(found, tmp_path, {"commit": "abc"}, "plain", pictures=0)
    record = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert record["split"] == "test"
    assert record["distance"]["ocular"] == "inter-ocular 0-1"
    kd = record["networks"]["kd"]
    assert kd["mean"]["nme_ocular"] == pytest.approx(7)
    assert kd["std"]["nme_ocular"] == pytest.approx(2**0.5, rel=1e-5)
    assert record["networks"]["plain"]["std"]["nme_ocular"] is None
    assert kd["runs"][1]["parts"]["blur"]["nme_ocular"] == pytest.approx(8)
    assert kd["runs"][1]["points"] == pytest.approx([8] * 5)
    assert kd["runs"][1]["source"]["checkpoint"] == "kd (0.8, 0.0).pth"
    assert "auc_paper" not in json.dumps(record)
    assert record["provenance"] == {"commit": "abc"}


def test_tables_for_programs_have_a_row_per_face_point_and_part(tmp_path):
    faces = [FACES[0], face("b", 2 * POINTS, subset="challenging", attributes={"blur": True})]
    write_evaluation(evaluation(faces, plain=[0.5], kd=[0.6, 0.8]), tmp_path, {}, "plain", pictures=0)
    told = rows(tmp_path / "faces.csv")
    assert len(told) == 6
    assert told[-1] | {"nme_ocular": "", "nme_box": "", "worst_point": ""} == {
        "network": "kd",
        "run": "2",
        "face": "b",
        "subset": "challenging",
        "nme_ocular": "",
        "nme_box": "",
        "worst_point": "",
        "blur": "1",
    }
    assert float(told[-1]["nme_ocular"]) == pytest.approx(4)
    points = rows(tmp_path / "points.csv")
    assert [row["region"] for row in points[:5]] == ["eyes", "eyes", "", "mouth", "mouth"]
    assert float(points[0]["error"]) == pytest.approx(3.75)
    parts = [row for row in rows(tmp_path / "scores.csv") if row["network"] == "plain"]
    assert [(row["part"], row["faces"]) for row in parts] == [
        ("all", "2"),
        ("common", "1"),
        ("challenging", "1"),
        ("blur", "1"),
    ]
    curve = [row for row in rows(tmp_path / "ced.csv") if row["network"] == "plain"]
    assert {float(row["faces"]) for row in curve if 2.6 < float(row["nme"]) < 4.9} == {50}


def test_curves_reach_as_far_as_half_of_the_faces_need(tmp_path):
    for shift, reach in ((0.5, 10), (1.5, 20), (30.0, 200)):
        write_evaluation(evaluation(kd=[shift]), tmp_path, {}, "kd", pictures=0)
        assert float(rows(tmp_path / "ced.csv")[-1]["nme"]) == reach


def test_one_network_without_regions_parts_or_pictures_makes_a_page(tmp_path):
    faces = Faces([face("a")])
    faces.scheme = faces.scheme.__class__("bare", 5, (1, 0, 2, 4, 3), ((0,), (1,)))
    page = write_evaluation(evaluation(faces, kd=[0.5]), tmp_path, {}, "kd", pictures=0)
    text = page.read_text(encoding="utf-8")
    assert all(f"<h2>{name}" not in text for name in ("Warnings", "Subsets", "Regions", "Faces", "Comparison"))
    assert text.count("data:image/png") == 2


def test_a_page_of_validation_faces_says_so(tmp_path):
    page = write_evaluation(evaluation(settings=Settings(split="val"), kd=[0.5]), tmp_path, {}, "kd", pictures=0)
    text = page.read_text(encoding="utf-8")
    assert "Face landmarks (val split)" in text
    assert "The validation split, a part of the training data" in text


def test_the_paper_is_compared_with_only_when_asked(tmp_path):
    page = write_evaluation(evaluation(kd=[0.0]), tmp_path, {}, "kd", pictures=0, paper_auc=True)
    assert "For comparison with their tables only" in page.read_text(encoding="utf-8")
    record = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert record["networks"]["kd"]["auc_paper"]["runs"] == pytest.approx([0.95])


def test_warnings_stand_first(tmp_path):
    networks = [network("kd", FACES, (0.5, 0.0), train=Faces(FACES))]
    page = write_evaluation(evaluate_networks(networks, Settings()), tmp_path, {}, "kd", pictures=0)
    text = page.read_text(encoding="utf-8")
    assert text.index("are in the train split too") < text.index("<h2>Scores")


def test_a_row_of_faces_shows_the_baseline_and_the_last_three_networks(tmp_path):
    assert side_by_side(list("abcdefg"), "b") == ["b", "e", "f", "g"]
    assert side_by_side(["a", "b"], "b") == ["b", "a"]
    assert side_by_side(["a"], "a") == ["a"]
    write_evaluation(evaluation(a=[0.0], b=[0.1]), tmp_path, {}, "a", pictures=2)
    # The labels and two networks beside each other, two faces below each other.
    width, height = Image.open(tmp_path / "faces_worst.png").size
    assert width == 3 * 310 + 10
    assert 600 < height < 700


def test_points_that_are_nearer_than_the_baselines_gain():
    gains = point_gains(evaluation(plain=[0.5], kd=[0.2, 0.4], worse=[0.6]), "plain")
    assert {name: each.tolist() for name, each in gains.items()} == {
        "kd": pytest.approx([2] * 5, abs=1e-4),
        "worse": pytest.approx([-1] * 5, abs=1e-4),
    }


def test_faces_are_chosen_by_the_last_networks_error_and_by_its_difference_from_the_baseline():
    faces = [face(name, scale * POINTS) for name, scale in (("far", 1), ("near", 3), ("middle", 2))]
    found = evaluation(faces, plain=[0.5], kd=[0.6])
    found.arms["kd"].runs[0].errors[1] = 0.01
    places = {kind: places for kind, (places, _) in chosen_faces(found, "plain", 2).items()}
    # kd is worse on the first and the last face, more so on the smaller one, and better on the second.
    assert places == {"worst": [0, 2], "gains": [1], "losses": [0, 2]}
    assert list(chosen_faces(found, "kd", 2)) == ["worst"]


def test_a_network_that_is_worse_on_every_face_has_no_gains_to_show():
    assert list(chosen_faces(evaluation(plain=[0.5], kd=[0.6]), "plain", 2)) == ["worst", "losses"]
    assert not chosen_faces(evaluation(perfect=[0.0]), "perfect", 2)
