"""From what people have to sequences: transformers, and windows of long series."""

from sklearn_rnn.preprocessing._gap_encoder import GapEncoder
from sklearn_rnn.preprocessing._sequence_features import SequenceFeatures
from sklearn_rnn.preprocessing._sequence_padder import SequencePadder
from sklearn_rnn.preprocessing._stepwise import Stepwise
from sklearn_rnn.preprocessing._windows import make_windows

__all__ = [
    "GapEncoder",
    "SequenceFeatures",
    "SequencePadder",
    "Stepwise",
    "make_windows",
]
