"""Preprocessing of sequences: tables, text, missing values, windows of long series."""

from sklearn_rnn.preprocessing._audio_features import AudioFeatures
from sklearn_rnn.preprocessing._gap_encoder import GapEncoder
from sklearn_rnn.preprocessing._sequence_builder import SequenceBuilder
from sklearn_rnn.preprocessing._sequence_features import SequenceFeatures
from sklearn_rnn.preprocessing._sequence_padder import SequencePadder
from sklearn_rnn.preprocessing._sequence_tokenizer import SequenceTokenizer
from sklearn_rnn.preprocessing._stepwise import Stepwise
from sklearn_rnn.preprocessing._windows import make_windows
from sklearn_rnn.preprocessing._word_attributes import WordAttributes

__all__ = [
    "AudioFeatures",
    "GapEncoder",
    "SequenceBuilder",
    "SequenceFeatures",
    "SequencePadder",
    "SequenceTokenizer",
    "Stepwise",
    "WordAttributes",
    "make_windows",
]
