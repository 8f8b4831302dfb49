# CIRKD (Yang et al., CVPR 2022): pixels of the mini-batch and a memory of pixels and regions, beside KD. Numbers of the
# authors' code [train_cirkd.py of winycg/CIRKD].
_cirkd = dict(
    kd=dict(type="KDLoss", student="logits", teacher="logits", temperature=1.0, weight=1.0),
    # Every pixel is held against every other of the batch on this GPU: the authors have 2 images on each of 8.
    minibatch=dict(type="CIRKDMinibatchLoss", student="features", teacher="features", temperature=0.1, weight=1.0),
    memory=dict(
        type="CIRKDMemory",
        student="features",
        teacher="features",
        target="gt_sem_seg",
        num_classes=19,
        pixel_memory=20000,  # a class; with the regions 0.9 GB for 19 classes and 512 channels
        region_memory=2000,
        pixel_samples=4096,
        region_samples=1024,
        temperature=0.1,
        pixel_weight=0.1,
        region_weight=0.1,
    ),
)
