"""Losses on further images of a sample, such as the next frame of a video."""

import pytest
import torch
from mmengine.model import ImgDataPreprocessor
from mmengine.structures import PixelData
from torch import nn
from toy_distillers import KD, TAPS, make
from toys import labelled_batch

from common.binding import read_tap_paths, read_term
from common.errors import ConfigError
from common.losses.base import loss_function
from common.registry import LOSSES
from common.terms import Source
from common.views import frames

PATHS = read_tap_paths({"logits": "head"}, ["student", "teacher"])


@LOSSES.register_module(force=True)
@loss_function(resize=False)
def change_of_maps(student, student_other):
    return (student - student_other).square().mean()


@LOSSES.register_module(force=True)
@loss_function(resize=False)
def all_of_a_view(student, teacher_other, flow, image, image_other):
    return 0 * student.sum() + teacher_other.sum() + flow.sum() + (image - image_other).abs().sum()


CHANGE = {"type": "change_of_maps", "student": "logits", "student_other": "logits@next"}


def clip_batch(shift=0):
    """A labelled batch, of which the frame ``next`` is the image rolled by so many columns."""
    inputs, samples = labelled_batch()
    for image, sample in zip(inputs, samples, strict=True):
        sample.frame_next = PixelData(data=image.roll(shift, 2))
        sample.flow_next = PixelData(data=torch.full((2, *image.shape[1:]), float(shift)))
    return inputs, samples


def read(**cfg):
    return read_term("term", {"type": "change_of_maps", "student": "logits", **cfg}, PATHS, ["teacher"])


def test_a_tap_on_a_view_is_named_with_an_at():
    assert read(student_other="logits@next").sources["student_other"] == Source("student", "logits", view="next")
    of_teacher = read(student_other="teacher.logits@previous").sources["student_other"]
    assert of_teacher == Source("teacher", "logits", view="previous")
    assert str(of_teacher) == "teacher.logits@previous"
    assert of_teacher.run == "teacher@previous"


@pytest.mark.parametrize("source", ["gt_sem_seg@next", "image@", "flow_next@next"])
def test_ground_truth_has_no_views(source):
    cfg = {"type": "all_of_a_view", "student": "logits", "teacher_other": "logits@next", "flow": source}
    with pytest.raises(
        ConfigError, match="expected flow= to name a tap or 'image' of a view, as in 'logits@next', but"
    ):
        read_term("term", {**cfg, "image": "image", "image_other": "image@next"}, PATHS, ["teacher"])


def test_student_runs_on_the_frame_of_the_sample():
    model = make(losses={"change": CHANGE}).eval()
    same = model(*clip_batch(), mode="loss")
    moved = model(*clip_batch(3), mode="loss")
    assert same["loss_change"] == 0
    with torch.no_grad():
        inputs, samples = clip_batch(3)
        maps, others = model.student(inputs), model.student(torch.stack([s.frame_next.data for s in samples]))
    torch.testing.assert_close(moved["loss_change"], (maps - others).square().mean())


def test_gradient_flows_through_both_frames():
    model = make(losses={"change": CHANGE}).eval()
    inputs, samples = clip_batch(3)
    for sample in samples:
        sample.frame_next.data.requires_grad_()
    inputs.requires_grad_()
    model(inputs, samples, mode="loss")["loss_change"].backward()
    assert inputs.grad.abs().sum() > 0
    assert all(sample.frame_next.data.grad.abs().sum() > 0 for sample in samples)


def test_teachers_images_and_flow_of_a_view():
    cfg = {"type": "all_of_a_view", "student": "logits", "teacher_other": "logits@next", "flow": "flow_next"}
    model = make(losses={"all": {**cfg, "image": "image", "image_other": "image@next"}}).eval()
    inputs, samples = clip_batch(2)
    frames = torch.stack([sample.frame_next.data for sample in samples])
    teacher = model.teachers["teacher"](frames)
    flow = 2 * inputs[:, :2].numel()
    expected = teacher.sum() + flow + (inputs - frames).abs().sum()
    torch.testing.assert_close(model(inputs, samples, mode="loss")["loss_all"], expected)
    assert teacher.requires_grad is False


def test_a_view_is_run_only_while_a_loss_wants_it():
    model = make(losses={"kd": KD, "change": {**CHANGE, "weight": 0.0}}).eval()
    calls = []
    model.student.head.register_forward_hook(lambda *_: calls.append(1))
    model(*labelled_batch(), mode="loss")  # whose samples have no frames
    assert len(calls) == 1


def test_frames_are_normalised_and_turned_as_images_are():
    preprocessor = ImgDataPreprocessor(mean=[1.0, 2.0, 3.0], std=[2.0, 4.0, 8.0], bgr_to_rgb=True)
    _, samples = clip_batch()
    raw = [torch.full((3, 16, 16), 7, dtype=torch.uint8) for _ in samples]
    for sample, image in zip(samples, raw, strict=True):
        sample.frame_next = PixelData(data=image)
    expected = preprocessor({"inputs": raw})["inputs"]
    torch.testing.assert_close(frames(samples, "next", preprocessor, expected), expected)
    assert expected[0, :, 0, 0].tolist() == [3.0, 1.25, 0.5]


def test_frames_of_another_size_are_an_error():
    samples = clip_batch()[1]
    with pytest.raises(ConfigError, match=r"frames of view 'next' in the shape of .* \(2, 3, 20, 16\)"):
        frames(samples, "next", nn.Identity(), torch.zeros(2, 3, 20, 16))


def test_samples_without_frames_name_what_is_missing():
    with pytest.raises(ConfigError, match="the samples have no ground truth 'frame_next'; they have gt_sem_seg"):
        make(losses={"change": CHANGE})(*labelled_batch(), mode="loss")


def test_a_peer_is_not_run_on_views():
    losses = {"change": {**CHANGE, "student_other": "peer.logits@next"}}
    with pytest.raises(ConfigError, match=r"expected a view of the student or of a teacher .* but found peer@next"):
        make(losses=losses, taps=TAPS, peers={"peer": {"model": {"type": "ToySegmentor"}}})
