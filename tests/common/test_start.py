"""Students that start from a checkpoint."""

import pickle
from pathlib import PurePosixPath

import pytest
import torch
from toy_distillers import KD, make
from toys import ToySegmentor

from common.errors import CheckpointError

# A teacher and losses that want no adapters.
ALIKE = {"teacher_width": 4, "losses": {"kd": KD}}
INIT = {"init_cfg": {"type": "Kaiming", "layer": "Conv2d"}}


@pytest.fixture
def stored(tmp_path):
    """A network and the file that its run left, with a run's other values."""
    torch.manual_seed(7)
    network = ToySegmentor()
    torch.save({"meta": {"iter": 4}, "state_dict": network.state_dict()}, tmp_path / "iter_4.pth")
    return network.state_dict(), str(tmp_path / "iter_4.pth")


def assert_weights(network, expected):
    found = network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_a_student_starts_with_the_weights_of_a_checkpoint(stored):
    weights, path = stored
    assert_weights(make(start=path).student, weights)


def test_it_has_them_after_all_that_happens_before_training(stored):
    """A hook sets a layer, then the engine calls init_weights, of which the student has its own."""
    weights, path = stored
    model = make(student=INIT, start=path)
    torch.nn.init.constant_(model.student.head.weight, 3.0)
    model.init_weights()
    assert_weights(model.student, weights)


def test_a_resumed_run_has_the_weights_of_its_own_checkpoint(stored):
    _, path = stored
    model = make(start=path)
    torch.nn.init.constant_(model.student.head.weight, 3.0)
    later = {key: value.clone() for key, value in model.state_dict().items()}
    resumed = make(seed=1, start=path)
    resumed.init_weights()
    resumed.load_state_dict(later)  # as the engine, after init_weights
    assert resumed.student.head.weight.eq(3).all()


def test_what_is_inherited_takes_its_place(stored):
    weights, path = stored
    model = make(start=path, inherit=["head"], **ALIKE)
    model.init_weights()
    assert torch.equal(model.student.head.weight, model.teachers["teacher"].model.head.weight)
    body = {key: value for key, value in model.student.state_dict().items() if not key.startswith("head.")}
    assert body
    assert all(torch.equal(value, weights[key]) for key, value in body.items())


def test_without_one_the_students_own_start_stays():
    torch.manual_seed(0)
    own = ToySegmentor().state_dict()
    assert_weights(make(seed=0).student, own)


def test_what_is_drawn_after_it_is_the_same(stored):
    drawn = []
    for options in ({}, {"start": stored[1]}):
        make(**options)
        drawn.append(torch.rand(1))
    assert drawn[0] == drawn[1]


def test_a_missing_checkpoint_tells_what_is_beside_it_and_what_to_do(stored, tmp_path):
    with pytest.raises(
        CheckpointError,
        match=r"start: .* at .*iter_8\.pth but found none; beside it are iter_4\.pth; train .*model\.start=",
    ):
        make(start=str(tmp_path / "iter_8.pth"))


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path):
    path = tmp_path / "wide.pth"
    torch.save(ToySegmentor(width=16).state_dict(), path)
    with pytest.raises(CheckpointError, match=r"wide\.pth that the student is to start from does not fit ToySegmentor"):
        make(start=str(path))


def test_a_checkpoint_of_a_part_is_refused(stored, tmp_path):
    weights = {key: value for key, value in stored[0].items() if not key.startswith("head.")}
    torch.save(weights, tmp_path / "part.pth")
    with pytest.raises(CheckpointError, match=r"part\.pth .*missing 'head"):
        make(start=str(tmp_path / "part.pth"))


def test_a_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "note.pth"
    path.write_text("none of it")
    with pytest.raises(CheckpointError, match=r"damaged or foreign file at .*note\.pth"):
        make(start=str(path))


def test_objects_are_unpickled_for_those_who_trust_them_alone(stored, tmp_path):
    path = tmp_path / "objects.pth"
    torch.save({"state_dict": stored[0], "made_by": PurePosixPath("someone")}, path, pickle_module=pickle)
    with pytest.raises(CheckpointError, match="--trust-checkpoint"):
        make(start=str(path))
    assert_weights(make(start=str(path), trust_start=True).student, stored[0])
