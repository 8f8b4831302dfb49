# Trained on generated frames, tested on frames that GNU Radio made by the same procedure. The switches are what today's
# GNU Radio does differently from that of 2016: noise 3 dB lower, pre-emphasis that works. A minute:
#   python data_prep/amr/generate.py --preset rml2016 --no-frozen-channel --no-doubled-noise --pre-emphasis \
#       --frames 300 --out data/amr/gen10a_gnuradio.h5
# GNU Radio's frames all share one channel and one noise sequence: a split of them would test on noise learnt by heart.
_base_ = "./generated_small.py"
_file = "gen10a_gnuradio.h5"
train_dataloader = dict(dataset=dict(ann_file=_file))
val_dataloader = dict(dataset=dict(ann_file=_file))
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="RML2016A",
        data_root="data/rml2016_gnuradio",
        ann_file="RML2016.10a_gnuradio.pkl",
        mods={{_base_._mods}},
        part="all",
    )
)
