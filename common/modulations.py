"""Names of modulations: the classes of the published sets, in their order."""

from __future__ import annotations

RML2016A = ("8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM")
# 2016.10B and RML22.
RML2016B = tuple(mod for mod in RML2016A if mod != "AM-SSB")
# What the columns of Y in 2018.01A mean. The order in classes.txt, which comes with the set, is another, and wrong.
RML2018A = (
    *("OOK", "4ASK", "8ASK", "BPSK", "QPSK", "8PSK", "16PSK", "32PSK", "16APSK", "32APSK", "64APSK", "128APSK"),
    *("16QAM", "32QAM", "64QAM", "128QAM", "256QAM", "AM-SSB-WC", "AM-SSB-SC", "AM-DSB-WC", "AM-DSB-SC"),
    *("FM", "GMSK", "OQPSK"),
)
# From the names of RadioML 2016 to those of 2018.
ALIASES = {"QAM16": "16QAM", "QAM64": "64QAM"}


def canonical(mod: str) -> str:
    """The one name of a modulation that has two."""
    return ALIASES.get(mod, mod)
