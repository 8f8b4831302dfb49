"""Classes of students, teachers and data."""

import pytest
from mmengine.config import Config

import tasks.det  # noqa: F401
from common.errors import ConfigError
from tasks.det.class_lists import check_classes

TEACHER = """
default_scope = "mmdet"
model = dict(type="RetinaNet", bbox_head=dict(num_classes={count}))
train_dataloader = dict(dataset=dict(type="CocoBoxes", metainfo=dict(classes={classes})))
"""


def student(classes=("cat", "dog"), count=2, **distiller):
    model = {"type": "RetinaNet", "bbox_head": {"num_classes": count}}
    if distiller:
        model = {"type": "Distiller", "student": model, **distiller}
    loader = {"dataset": {"type": "CocoBoxes", "metainfo": {"classes": classes}}}
    return Config({"default_scope": "mmdet", "model": model, "train_dataloader": loader})


@pytest.fixture
def teacher(tmp_path):
    def write(*classes):
        path = tmp_path / "teacher.py"
        path.write_text(TEACHER.format(count=len(classes), classes=classes))
        return {"teachers": {"big": {"config": str(path)}}}

    return write


def test_data_of_another_number_of_classes_are_refused():
    with pytest.raises(ConfigError, match=r"expected 3 classes, .* but train_dataloader names 2 \(cat, dog\)"):
        check_classes(student(count=3))
    check_classes(student())


@pytest.mark.parametrize(
    "use",
    [
        {"inherit": ["neck", "bbox_head"]},
        {"inherit": {"big": ["bbox_head"]}},
        {"taps": {"scores": "bbox_head.retina_cls"}},
        {"taps": {"scores": {"student": "x", "big": ["bbox_head.a", "bbox_head.b"]}}},
    ],
)
def test_a_teacher_whose_head_is_used_must_mean_the_same(teacher, use):
    with pytest.raises(ConfigError, match=r"expected the classes of teacher 'big', .*: dog, cat .* found cat, dog"):
        check_classes(student(**teacher("dog", "cat"), **use))
    check_classes(student(**teacher("cat", "dog"), **use))


def test_a_teacher_of_other_classes_may_show_its_maps(teacher):
    check_classes(student(**teacher("car", "bus", "van"), taps={"neck": "neck"}, inherit=["neck"]))
