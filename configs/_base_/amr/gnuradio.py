# Trained on generated frames, tested on frames that GNU Radio made by the same procedure. All of these share one
# channel and one noise sequence: a split of them would test on noise that was learnt by heart.
_base_ = "./generated.py"
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
