"""Data sets: generated, downloaded once, or read from public formats."""

from sklearn_rnn.datasets._cmapss import fetch_cmapss_fd001
from sklearn_rnn.datasets._cmudict import fetch_cmudict
from sklearn_rnn.datasets._data_home import clear_data_home, get_data_home
from sklearn_rnn.datasets._monthly_sunspots import fetch_monthly_sunspots
from sklearn_rnn.datasets._multi30k import fetch_multi30k
from sklearn_rnn.datasets._music import fetch_jsb_chorales, fetch_nottingham
from sklearn_rnn.datasets._physionet2012 import fetch_physionet2012
from sklearn_rnn.datasets._spoken_digits import fetch_spoken_digits
from sklearn_rnn.datasets._synthetic import (
    make_adding_problem,
    make_delayed_copy,
    make_parity,
    make_regime_switch,
    make_sine_mixtures,
)
from sklearn_rnn.datasets._text import fetch_names, fetch_sst2
from sklearn_rnn.datasets._tinyshakespeare import fetch_tinyshakespeare
from sklearn_rnn.datasets._ts import read_ts
from sklearn_rnn.datasets._uea import fetch_japanese_vowels, fetch_natops
from sklearn_rnn.datasets._wav import read_wav
from sklearn_rnn.datasets._yesno import fetch_yesno

__all__ = [
    "clear_data_home",
    "fetch_cmapss_fd001",
    "fetch_cmudict",
    "fetch_japanese_vowels",
    "fetch_jsb_chorales",
    "fetch_monthly_sunspots",
    "fetch_multi30k",
    "fetch_names",
    "fetch_natops",
    "fetch_nottingham",
    "fetch_physionet2012",
    "fetch_spoken_digits",
    "fetch_sst2",
    "fetch_tinyshakespeare",
    "fetch_yesno",
    "get_data_home",
    "make_adding_problem",
    "make_delayed_copy",
    "make_parity",
    "make_regime_switch",
    "make_sine_mixtures",
    "read_ts",
    "read_wav",
]
