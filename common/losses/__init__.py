"""Distillation losses: each a pure function and a module over it, needing torch alone.

Every function takes ``(student, teacher, …)``, detaches the teacher and computes in float32 under autocast or for
half inputs (float64 stays float64). Its module keeps the hyperparameters and is called with
``(student, teacher[, target])``. The attribute ``adapter`` of both says what may be put in front of the student
where its channels differ from the teacher's: ``'auto'`` a learned projection, None nothing (class scores must
mean the same classes).
"""

from common.losses.acam import ASCM, STCAFF, ACAMLoss, Masks
from common.losses.adversarial import (
    FeatureDiscriminator,
    LogitDiscriminator,
    clip_weights,
    gradient_penalty,
    hinge_discriminator_loss,
    hinge_generator_loss,
    lsgan_discriminator_loss,
    lsgan_generator_loss,
    wgan_discriminator_loss,
    wgan_generator_loss,
)
from common.losses.box_bins import LDLoss, ld_loss
from common.losses.bpkd import BPKDLoss, bpkd_edge_masks, bpkd_loss
from common.losses.channel import CWDLoss, cwd_loss
from common.losses.cirkd import CIRKDMemory, CIRKDMinibatchLoss, cirkd_minibatch_loss
from common.losses.contrastive import CRDLoss
from common.losses.correlation import DISTLoss, dist_loss
from common.losses.critics import FeatureGANLoss, LogitGANLoss
from common.losses.cross_head import CrossKDLoss
from common.losses.decoupled import (
    DKDLoss,
    FDWADKDLoss,
    NKDLoss,
    PixelDKDLoss,
    dkd_loss,
    fdwa_dkd_loss,
    feature_distance_weights,
    nkd_loss,
    pixel_dkd_loss,
)
from common.losses.features import (
    ATLoss,
    FitNetLoss,
    OFDLoss,
    PKDLoss,
    VIDLoss,
    at_loss,
    fitnet_loss,
    ofd_loss,
    ofd_margin,
    pkd_loss,
)
from common.losses.focal import FGDLoss, fgd_masks
from common.losses.generation import MGDLoss
from common.losses.logits import KDLoss, LSKDLoss, WSLDLoss, kd_loss, lskd_loss, wsld_loss
from common.losses.masks import (
    DiceDiversityLoss,
    MasKDLoss,
    MaskedFeatureLoss,
    Reception,
    ReceptiveTokens,
    dice_diversity_loss,
    masked_feature_loss,
)
from common.losses.metric import (
    AMKDLoss,
    PairDistillationLoss,
    TripletDistillationLoss,
    adversarial_examples,
    amkd_loss,
    boundary_examples,
    pair_distillation_loss,
    triplet_distillation_loss,
)
from common.losses.online import DMLLoss, FFLLoss, SelfReflectionLoss, dml_loss
from common.losses.relations import (
    RKDAngleLoss,
    RKDDistanceLoss,
    SPLoss,
    rkd_angle_loss,
    rkd_distance_loss,
    sp_loss,
)
from common.losses.review import AttentionBasedFusion, HCLLoss, ReviewKDLoss, hcl_loss
from common.losses.structure import IFVDLoss, SKDPairwiseLoss, ifvd_loss, skd_pairwise_loss
from common.losses.uskd import USKDLoss
from common.losses.wavelet import WaveletLoss, haar_step, wavelet_loss

__all__ = [
    "ASCM",
    "STCAFF",
    "ACAMLoss",
    "AMKDLoss",
    "ATLoss",
    "AttentionBasedFusion",
    "BPKDLoss",
    "CIRKDMemory",
    "CIRKDMinibatchLoss",
    "CRDLoss",
    "CWDLoss",
    "CrossKDLoss",
    "DISTLoss",
    "DKDLoss",
    "DMLLoss",
    "DiceDiversityLoss",
    "FDWADKDLoss",
    "FFLLoss",
    "FGDLoss",
    "FeatureDiscriminator",
    "FeatureGANLoss",
    "FitNetLoss",
    "HCLLoss",
    "IFVDLoss",
    "KDLoss",
    "LDLoss",
    "LSKDLoss",
    "LogitDiscriminator",
    "LogitGANLoss",
    "MGDLoss",
    "MasKDLoss",
    "MaskedFeatureLoss",
    "Masks",
    "NKDLoss",
    "OFDLoss",
    "PKDLoss",
    "PairDistillationLoss",
    "PixelDKDLoss",
    "RKDAngleLoss",
    "RKDDistanceLoss",
    "Reception",
    "ReceptiveTokens",
    "ReviewKDLoss",
    "SKDPairwiseLoss",
    "SPLoss",
    "SelfReflectionLoss",
    "TripletDistillationLoss",
    "USKDLoss",
    "VIDLoss",
    "WSLDLoss",
    "WaveletLoss",
    "adversarial_examples",
    "amkd_loss",
    "at_loss",
    "boundary_examples",
    "bpkd_edge_masks",
    "bpkd_loss",
    "cirkd_minibatch_loss",
    "clip_weights",
    "cwd_loss",
    "dice_diversity_loss",
    "dist_loss",
    "dkd_loss",
    "dml_loss",
    "fdwa_dkd_loss",
    "feature_distance_weights",
    "fgd_masks",
    "fitnet_loss",
    "gradient_penalty",
    "haar_step",
    "hcl_loss",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "ifvd_loss",
    "kd_loss",
    "ld_loss",
    "lsgan_discriminator_loss",
    "lsgan_generator_loss",
    "lskd_loss",
    "masked_feature_loss",
    "nkd_loss",
    "ofd_loss",
    "ofd_margin",
    "pair_distillation_loss",
    "pixel_dkd_loss",
    "pkd_loss",
    "rkd_angle_loss",
    "rkd_distance_loss",
    "skd_pairwise_loss",
    "sp_loss",
    "triplet_distillation_loss",
    "wavelet_loss",
    "wgan_discriminator_loss",
    "wgan_generator_loss",
    "wsld_loss",
]
