# SegFormer MiT-B4 (81.89 mIoU, mmseg's public weights) teaches MiT-B0 on Cityscapes in CIRKD's protocol.
_base_ = "../../seg/student_segformer_b0.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_segformer_b4.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/segformer/segformer_mit-b4_8x1_1024x1024_160k_cityscapes/"
            "segformer_mit-b4_8x1_1024x1024_160k_cityscapes_20211207_080709-07f6c333.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.fusion_conv"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
