from common.benchmark import STUDENT_STEP, TEACHER_FORWARD, Options
from common.classification.benchmark import classifier


def test_classifier_puts_the_suite_beside_a_step_by_hand_and_timm():
    options = Options(size=(32, 32), batch=2)
    comparison = classifier(options, mini=True)
    assert list(comparison.phases) == [
        STUDENT_STEP,
        TEACHER_FORWARD,
        "kd step",
        "by hand step",
        "timm step",
        "kd loss alone",
    ]
    assert comparison.steps == ["kd step", "by hand step", "timm step"]
    for run in comparison.phases.values():
        run()
