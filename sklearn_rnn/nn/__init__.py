"""PyTorch layers of the recurrent networks: tensors and lengths in, tensors out."""

from sklearn_rnn.nn._config import config_context
from sklearn_rnn.nn._crf import CRF
from sklearn_rnn.nn._dropout import Dropout, set_dropout_generator
from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._gated import GRU, LSTM, Elman
from sklearn_rnn.nn._initialization import initialize
from sklearn_rnn.nn._inputs import ColumnInputs, ConvStem, Standardize, TokenEmbedding
from sklearn_rnn.nn._models import SequenceModel, StepModel
from sklearn_rnn.nn._pooling import Pooling

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "ColumnInputs",
    "ConvStem",
    "Dropout",
    "Elman",
    "Encoder",
    "Pooling",
    "SequenceModel",
    "Standardize",
    "StepModel",
    "TokenEmbedding",
    "config_context",
    "initialize",
    "set_dropout_generator",
]
