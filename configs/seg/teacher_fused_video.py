# The teacher on generated street video: the mean of the class probabilities of convolutions and of attention. Nothing
# of it is trained here; fusion="learned" trains the weights of the two by pixel.
_base_ = "./student_deeplab_video.py"
model = dict(
    _delete_=True,
    type="TwoBranchSegmentor",
    data_preprocessor={{_base_.model.data_preprocessor}},
    cnn=dict(
        config="{{ fileDirname }}/teacher_deeplab_video.py",
        checkpoint="work_dirs/teacher_deeplab_video/iter_500.pth",
    ),
    transformer=dict(
        config="{{ fileDirname }}/teacher_segformer_video.py",
        checkpoint="work_dirs/teacher_segformer_video/iter_500.pth",
    ),
    fusion="mean",
    test_cfg=dict(mode="whole"),
)
