# The student alone in the crops of KD-Loss's authors, on COFW: the smallest box around the official one and the points,
# stretched to a square [data preparation of the authors, aliprf/FLD-DD]. In training they turn the photograph, then cut
# out the turned points with some pixels around them; here the stretched crop is turned, scaled and moved (ours).
# Scores are in the image; tools/eval_landmarks.py --frame crop measures in the crop, as they do.
_base_ = "./student_cofw.py"
_authors = dict(dataset=dict(box="union", stretch=0))
train_dataloader = _authors
val_dataloader = _authors
test_dataloader = _authors
