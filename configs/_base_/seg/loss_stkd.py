# Spatio-temporal consistency distillation (Wang et al., YAC 2022), a reconstruction: its abstract names a teacher of
# two branches, a GAN and a temporal constraint from optical flow, and no formula or weight could be read. Terms and
# weights are those of SKDS (CVPR 2019) and ETC (ECCV 2020), which it builds on, the pixel term as a mean.
_stkd = dict(
    pixel=dict(type="KDLoss", student="logits", teacher="logits", temperature=1.0, weight=1.0),
    pair_cnn=dict(type="SKDPairwiseLoss", student="cnn", teacher="cnn", scale=0.5, weight=1.0),
    pair_transformer=dict(type="SKDPairwiseLoss", student="transformer", teacher="transformer", scale=0.5, weight=1.0),
    holistic=dict(
        type="LogitGANLoss",
        student="logits",
        teacher="logits",
        space="probabilities",  # a fused teacher has no logits
        objective="wgan",
        penalty=10.0,
        widths=(64, 128),  # the authors' four blocks want maps of 64x64; these are 24x32
        attention=(2,),
        weight=0.1,
    ),
    temporal=dict(
        type="TemporalLoss",
        student="logits",
        student_other="logits@next",
        flow="flow_next",
        image="image",
        image_other="image@next",
        weight=0.1,
    ),
    frames=dict(
        type="PairwiseFrameLoss",
        student="logits",
        student_other="logits@next",
        teacher="logits",
        teacher_other="logits@next",
        weight=0.1,
    ),
)
_critic = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=4e-4, betas=(0.9, 0.99)))  # CIRKD's re-run of SKDS
