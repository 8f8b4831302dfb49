# The student alone in the crops of KD-Loss's authors, on 300W: the tight box of the points and 10 pixels on each side,
# stretched to a square [data preparation of the authors, aliprf/FLD-DD]. In training they turn the photograph, then cut
# out the turned points with 5 to 15 pixels around them; here the stretched crop is turned, scaled and moved (ours).
# Scores are in the image; tools/eval_landmarks.py --frame crop measures in the crop, as they do.
_base_ = "./student_w300.py"
_authors = dict(dataset=dict(stretch=10))
train_dataloader = _authors
val_dataloader = _authors
test_dataloader = _authors
