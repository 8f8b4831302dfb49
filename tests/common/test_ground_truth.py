"""Ground truth out of the engine's data samples."""

import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, LabelData, PixelData

from common.errors import ConfigError
from common.ground_truth import ground_truth


def detection_samples(*counts):
    """Samples as mmdetection has them, with so many boxes each."""
    return [
        BaseDataElement(
            metainfo={"img_shape": (24 + count, 32)},
            gt_instances=InstanceData(bboxes=torch.full((count, 4), float(count)), labels=torch.arange(count)),
        )
        for count in counts
    ]


@pytest.mark.parametrize("counts", [(2, 0, 3), (2, 2)], ids=["several numbers", "one number"])
def test_what_instances_hold_is_a_list_by_image(counts):
    samples = detection_samples(*counts)
    for name, field in {"gt_instances.bboxes": "bboxes", "gt_instances.labels": "labels"}.items():
        found = ground_truth(samples, name)
        assert isinstance(found, list)
        for each, sample in zip(found, samples, strict=True):
            assert each is sample.gt_instances[field]


def test_metadata_are_a_list_by_image():
    assert ground_truth(detection_samples(2, 0), "img_shape") == [(26, 32), (24, 32)]


def test_tensors_are_stacked_where_they_are_of_one_shape():
    samples = [BaseDataElement(points=torch.ones(count, 2)) for count in (3, 3, 1)]
    assert ground_truth(samples[:2], "points").shape == (2, 3, 2)
    assert [each.shape for each in ground_truth(samples, "points")] == [(3, 2), (3, 2), (1, 2)]


def test_maps_and_labels_are_joined():
    samples = [
        BaseDataElement(
            gt_sem_seg=PixelData(data=torch.full((1, 4, 5), label)), gt_label=LabelData(label=torch.tensor(label))
        )
        for label in (1, 2)
    ]
    assert ground_truth(samples, "gt_sem_seg").shape == (2, 4, 5)
    assert ground_truth(samples, "gt_label").tolist() == [1, 2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gt_instance.bboxes", "no ground truth 'gt_instance.bboxes'; they have .*; did you mean 'gt_instances'"),
        ("gt_instances.boxes", "no ground truth 'gt_instances.boxes'; they have .*labels.*; did you mean 'bboxes'"),
        ("img_shape.height", "no ground truth 'img_shape.height'"),
    ],
)
def test_a_field_that_is_not_there_lists_those_that_are(name, message):
    with pytest.raises(ConfigError, match=message):
        ground_truth(detection_samples(2), name)
