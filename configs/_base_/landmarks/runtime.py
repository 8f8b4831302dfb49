_base_ = "../common/runtime.py"
task = "landmarks"
custom_imports = dict(imports=["common.engine", "common.classification", "tasks.landmarks"], allow_failed_imports=False)
custom_hooks = [dict(type="ShapeModelHook")]  # keeps the soft landmarks' model beside the checkpoints
val_evaluator = dict(type="LandmarkScores")
test_evaluator = val_evaluator
default_hooks = dict(checkpoint=dict(interval=500))
