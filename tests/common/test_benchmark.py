"""The bookkeeping of the benchmark: what is paired with what, and what the figures mean. No timings."""

import copy
import json
import statistics

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common import benchmark
from common.benchmark import STUDENT_STEP, TEACHER_FORWARD, Comparison, Options, Spread
from common.errors import ConfigError
from common.report import write_json
from common.wrap import distill

OPTIONS = Options(size=(8, 8), batch=2)


class FakeClock:
    """Phases that last as long as they are told to, and a clock that sees it."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def __call__(self):
        return self.now

    def phase(self, name, lengths):
        lengths = iter(lengths)

        def run():
            self.calls.append(name)
            self.now += next(lengths)

        return run


def test_phases_run_in_turn_within_each_round():
    clock = FakeClock()
    phases = {name: clock.phase(name, [1.0] * 3) for name in "ABC"}
    benchmark.time_rounds(phases, rounds=2, warmup=1, clock=clock)
    assert "".join(clock.calls) == "ABC" * 3


def test_each_phase_gets_its_own_seconds_and_warm_up_rounds_are_left_out():
    clock = FakeClock()
    phases = {"A": clock.phase("A", [100.0, 1.0, 2.0]), "B": clock.phase("B", [100.0, 30.0, 40.0])}
    assert benchmark.time_rounds(phases, rounds=2, warmup=1, clock=clock) == {"A": [1.0, 2.0], "B": [30.0, 40.0]}


def test_the_clock_is_read_only_after_the_device_has_finished():
    clock = FakeClock()
    queue = []

    def run_the_queue():
        while queue:
            clock.now += queue.pop()

    phases = {"A": lambda: queue.append(5.0), "B": lambda: queue.append(7.0)}
    seconds = benchmark.time_rounds(phases, rounds=1, warmup=0, clock=clock, synchronise=run_the_queue)
    assert seconds == {"A": [5.0], "B": [7.0]}


def test_the_progress_bar_sees_every_round():
    seen = []

    def progress(rounds):
        for index in rounds:
            seen.append(index)
            yield index

    benchmark.time_rounds({"A": lambda: None}, rounds=3, warmup=2, progress=progress)
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("rounds", "warmup"), [(0, 1), (3, -1)])
def test_a_run_without_rounds_is_refused(rounds, warmup):
    with pytest.raises(ConfigError, match="at least 1 round"):
        benchmark.time_rounds({}, rounds, warmup)


def test_overhead_is_taken_within_each_round():
    # The machine is ten times slower in the second round; that is no overhead.
    seconds = {STUDENT_STEP: [3.0, 30.0, 3.0], TEACHER_FORWARD: [1.0, 10.0, 1.0], "kd step": [4.4, 44.0, 4.0]}
    assert benchmark.over_floor(seconds, "kd step") == pytest.approx([1.1, 1.1, 1.0])


def test_a_floor_can_be_of_other_phases_one_of_them_twice():
    seconds = {STUDENT_STEP: [3.0, 3.0], "next frame": [1.0, 2.0], "step": [10.0, 7.0]}
    floor = (STUDENT_STEP, "next frame", "next frame")
    assert benchmark.over_floor(seconds, "step", floor) == pytest.approx([2.0, 1.0])


def test_a_step_with_a_floor_of_its_own_is_held_against_that(monkeypatch):
    took = {STUDENT_STEP: [3.0], TEACHER_FORWARD: [1.0], "next frame": [2.0], "step": [6.0], "kd step": [6.0]}
    monkeypatch.setattr(benchmark, "time_rounds", lambda *_: took)
    phases = {name: lambda: None for name in took}
    floors = {"step": (STUDENT_STEP, "next frame", STUDENT_STEP)}
    result = benchmark.measure(Comparison(phases, ["step", "kd step"], floors=floors), OPTIONS, rounds=1)
    ratios = {name: result["phases"][name]["over_floor"]["median"] for name in ("step", "kd step")}
    assert ratios == {"step": 6 / 8, "kd step": 6 / 4}
    assert result["floors"] == {"step": [STUDENT_STEP, "next frame", STUDENT_STEP]}


def test_a_step_is_held_against_the_plain_step_of_its_round():
    phases = {STUDENT_STEP: [1.0, 2.0, 4.0], "skd step": [3.0, 4.0, 4.0]}
    result = {"phases": {name: {"seconds": {"rounds": rounds}} for name, rounds in phases.items()}}
    assert benchmark.over_plain(result, "skd step") == (2.0, 1.5, 2.5)


def test_spread_is_the_median_and_the_inclusive_quartiles():
    values = [5.0, 1.0, 9.0, 2.0, 2.5, 7.0]
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    assert Spread.of(values) == pytest.approx((median, lower, upper))


def test_peak_counts_what_is_alive_together():
    def run():
        first = torch.empty(1000)
        second = torch.empty(2000)
        del first
        third = torch.empty(500)
        del second, third

    assert benchmark.peak_bytes(run) == 4 * (1000 + 2000)


def test_peak_leaves_out_what_was_alive_before():
    kept = torch.ones(100_000)
    assert benchmark.peak_bytes(kept[:1000].clone) == 4 * 1000


def test_peak_of_a_training_step_holds_activations_and_gradients():
    model = nn.Linear(64, 128, bias=False)
    inputs = torch.ones(32, 64)

    def run():
        model(inputs).sum().backward()

    run()
    model.weight.grad = None
    # The output (32 x 128) and the weight's gradient (128 x 64) are alive before backward ends.
    assert benchmark.peak_bytes(run) >= 4 * 128 * 64
    assert benchmark.peak_bytes(lambda: None) == 0


def fake_result():
    comparison = Comparison(
        phases={STUDENT_STEP: lambda: torch.ones(4), TEACHER_FORWARD: lambda: None, "kd step": lambda: None},
        steps=["kd step"],
        facts={"student": "toy"},
    )
    return benchmark.measure(comparison, OPTIONS, rounds=3, warmup=1)


def test_measured_result_is_json_with_every_round(tmp_path):
    result = fake_result()
    write_json(tmp_path / "result.json", result)
    stored = json.loads((tmp_path / "result.json").read_text())
    assert stored["options"] == {
        "size": [8, 8],
        "batch": 2,
        "device": "cpu",
        "amp": False,
        "teacher_dtype": None,
        "compile": False,
        "channels_last": False,
    }
    assert stored["facts"] == {"student": "toy"}
    assert stored["steps"] == ["kd step"]
    assert (stored["clock"], stored["rounds"], stored["warmup"]) == ("wall", 3, 1)
    assert stored["threads"] == torch.get_num_threads()
    assert list(stored["phases"]) == [STUDENT_STEP, TEACHER_FORWARD, "kd step"]
    assert stored["phases"][STUDENT_STEP]["peak_bytes"] == 16
    for phase in stored["phases"].values():
        assert len(phase["seconds"]["rounds"]) == len(phase["over_floor"]["rounds"]) == 3
    floor = [stored["phases"][name]["over_floor"]["rounds"] for name in (STUDENT_STEP, TEACHER_FORWARD)]
    assert [a + b for a, b in zip(*floor, strict=True)] == pytest.approx([1.0] * 3)


def test_result_table_shows_milliseconds_ratios_and_mebibytes():
    spread = {"median": 0.25, "lower": 0.2, "upper": 0.3, "rounds": [0.25]}
    ratio = {"median": 1.0156, "lower": 0.99, "upper": 1.04, "rounds": [1.0156]}
    phases = {"kd step": {"seconds": spread, "over_floor": ratio, "peak_bytes": 3 * 2**20}}
    options = Options(size=(64, 32), batch=4, channels_last=True, teacher_dtype="bfloat16")
    result = {**fake_result(), "options": vars(options), "threads": 1, "phases": phases}
    table = benchmark.result_table(result, "seg")
    assert table.rows == [("kd step", "250.0", "200.0-300.0", "1.016", "0.990-1.040", "3.0")]
    assert table.title == (
        "seg, 64x32, batch 4, cpu, channels last, teacher in bfloat16, threads 1, wall time, rounds 3"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, "cpu or cuda"),
        ({"amp": True}, "--amp"),
        ({"teacher_dtype": "float8"}, "float16 or bfloat16"),
        ({"batch": 0}, "--batch"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Options(**{"size": (8, 8), "batch": 2, **options})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_named():
    with pytest.raises(ConfigError, match="expected a GPU"):
        Options(size=(8, 8), batch=2, device="cuda")


def test_training_step_is_forward_backward_and_update():
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    by_hand = copy.deepcopy(model)
    inputs, labels = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    benchmark.training_step(lambda: F.cross_entropy(model(inputs), labels), optimizer, OPTIONS)()

    F.cross_entropy(by_hand(inputs), labels).backward()
    expected = by_hand.weight - 0.5 * by_hand.weight.grad
    torch.testing.assert_close(model.weight, expected)
    assert model.weight.grad is None


def test_loss_alone_works_on_stored_tensors_and_leaves_the_networks_alone():
    torch.manual_seed(0)
    student, teacher = nn.Linear(4, 3), nn.Linear(4, 3)
    seen = []

    def squared(student, teacher):
        seen.append((student, teacher))
        return (student - teacher).square().mean()

    wrapped = distill(student, teacher, {"output": {"loss": squared, "weight": 2.0}})
    inputs = torch.randn(5, 4)
    run = benchmark.loss_alone(wrapped.terms, lambda: wrapped(inputs), OPTIONS)
    forwards = []
    for network in (student, teacher):
        network.register_forward_hook(lambda *_: forwards.append(1))
    seen.clear()
    run()
    run()
    assert forwards == []
    assert student.weight.grad is None
    assert len(seen) == 2
    at_student, at_teacher = seen[-1]
    torch.testing.assert_close(at_student, student(inputs))
    torch.testing.assert_close(at_teacher, teacher(inputs))
    assert at_student.is_leaf
    assert at_student.requires_grad
    assert at_student.grad is None
    assert not at_teacher.requires_grad


def test_loss_alone_runs_backward_to_the_student_only():
    student, teacher = nn.Linear(4, 3), nn.Linear(4, 3)
    gradients = []

    def squared(student, teacher):
        if student.is_leaf:
            student.register_hook(gradients.append)
        return (student - teacher).square().sum()

    wrapped = distill(student, teacher, {"output": squared})
    inputs = torch.randn(5, 4)
    benchmark.loss_alone(wrapped.terms, lambda: wrapped(inputs), OPTIONS)()
    torch.testing.assert_close(gradients[0], 2 * (student(inputs) - teacher(inputs)).detach())


def test_loss_alone_runs_backward_to_the_students_other_frame_too():
    class Difference(nn.Module):
        def forward(self, values, step):
            if values["student"]["logits"].is_leaf:
                for owner, each in values.items():
                    if each["logits"].requires_grad:
                        each["logits"].register_hook(lambda gradient, owner=owner: found.update({owner: gradient}))
            first, second, taught = (values[owner]["logits"] for owner in owners)
            return {"loss": (first - 2 * second + taught).sum()}

    owners, found, terms = ("student", "student@next", "teacher@next"), {}, Difference()
    values = {owner: {"logits": torch.ones(3, requires_grad=True) * 1.0} for owner in owners}
    benchmark.loss_alone(terms, lambda: terms(values, 0), OPTIONS)()
    assert {owner: gradient.tolist() for owner, gradient in found.items()} == {
        "student": [1, 1, 1],
        "student@next": [-2, -2, -2],
    }


def test_loss_alone_detaches_pyramid_levels():
    level = torch.randn(2, 3, requires_grad=True) * 1.0
    detached = benchmark._detached({"neck": [level, level]}, trained=True)
    assert [tensor.is_leaf and tensor.requires_grad for tensor in benchmark._tensors(detached)] == [True, True]
    assert [tensor.requires_grad for tensor in benchmark._detached((level,), trained=False)] == [False]
