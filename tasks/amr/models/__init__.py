"""Networks that tell the modulation of a frame of IQ samples: ``(B, 2, L) -> (B, K)``."""

from tasks.amr.models.base import IQClassifier
from tasks.amr.models.clst import ClST
from tasks.amr.models.inception_resnet import InceptionResNet, MiniInceptionResNet
from tasks.amr.models.mcldnn import MCLDNN
from tasks.amr.models.mobilenet import KDMobileNet
from tasks.amr.models.petcgdnn import PETCGDNN
from tasks.amr.models.plain_cnn import CNN3, KDCNN, RML22CNN
from tasks.amr.models.resnet import IQResNet
from tasks.amr.models.vtcnn2 import VTCNN2

__all__ = [
    "CNN3",
    "KDCNN",
    "MCLDNN",
    "PETCGDNN",
    "RML22CNN",
    "VTCNN2",
    "ClST",
    "IQClassifier",
    "IQResNet",
    "InceptionResNet",
    "KDMobileNet",
    "MiniInceptionResNet",
]
