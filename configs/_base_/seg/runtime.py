_base_ = "../runtime.py"
default_scope = "mmseg"
custom_imports = dict(imports=["common.engine", "tasks.seg"], allow_failed_imports=False)
default_hooks = dict(checkpoint=dict(interval=4000, max_keep_ckpts=2))
visualizer = dict(type="SegLocalVisualizer")
val_evaluator = dict(type="SegScores")
test_evaluator = val_evaluator
