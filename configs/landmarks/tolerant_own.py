# Tolerant teacher on a folder of one's own: the tough one's network on soft landmarks, the points' projection on 95 %
# of the shapes' variance.
_base_ = "./tough_own.py"
train_dataloader = dict(dataset=dict(soft=dict(variance=0.95)))  # the authors' teachers are named 90 and 95
model = dict(target="gt_soft")
