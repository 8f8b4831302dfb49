# Segmentation of videos: scores of frames, and of how they agree with the frames after them.
_base_ = "./runtime.py"
val_evaluator = [
    dict(type="SegScores"),
    dict(type="TemporalConsistency", visible="valid"),  # where the next frame shows the same, as far as flow tells
]
test_evaluator = val_evaluator
