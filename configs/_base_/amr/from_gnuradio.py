# The reverse of gnuradio.py: trained on GNU Radio's frames, tested on generated ones.
_base_ = "./gnuradio.py"
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="RML2016A",
        data_root="data/rml2016_gnuradio",
        ann_file="RML2016.10a_gnuradio.pkl",
        mods={{_base_._mods}},
        part="all",
    )
)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="SignalDataset",
        data_root="data/amr",
        ann_file="gen10a_gnuradio.h5",
        mods={{_base_._mods}},
        split=dict(name="60/20/20", seed=2016),
        part="test",
    )
)
