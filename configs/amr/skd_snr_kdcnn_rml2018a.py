# SKD in which the teacher counts less where it can only guess (ours): in full from 10 dB on, by a fifth at low SNRs.
# Labels of this set are true SNRs: networks are at chance up to about -10 dB, and at their peak from about 10 dB on.
_base_ = "./skd_kdcnn_rml2018a.py"
model = dict(
    losses=dict(kd=dict(type="snr_weighted_kd_loss", snr="gt_snr", low=-10.0, full=10.0, least=0.2)),
)
