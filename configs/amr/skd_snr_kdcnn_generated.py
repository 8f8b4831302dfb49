# SKD in which the teacher counts less where it can only guess (ours): in full from 0 dB on, by a fifth at low SNRs.
_base_ = "./skd_kdcnn_generated.py"
model = dict(
    losses=dict(kd=dict(type="snr_weighted_kd_loss", snr="gt_snr", low=-14.0, full=0.0, least=0.2)),
)
