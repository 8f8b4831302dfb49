# What runs of this suite add to mmdet's own configs.
task = "det"
custom_imports = dict(imports=["common.engine", "tasks.det"], allow_failed_imports=False)
randomness = dict(seed=0)
