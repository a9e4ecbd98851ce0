"""PyTorch layers of the recurrent networks: tensors and lengths in, tensors out."""

# for the other packages, not public
from sklearn_rnn.nn._batch_invariant import (
    constant_weights as constant_weights,
)
from sklearn_rnn.nn._batch_invariant import (
    find_most_probable as find_most_probable,
)
from sklearn_rnn.nn._batch_invariant import (
    linear as linear,
)
from sklearn_rnn.nn._cells import (
    CELLS as CELLS,
)
from sklearn_rnn.nn._chain import (
    RecordedChain as RecordedChain,
)
from sklearn_rnn.nn._chain import (
    make_chain as make_chain,
)
from sklearn_rnn.nn._config import config_context
from sklearn_rnn.nn._config import (
    describe_arithmetic as describe_arithmetic,
)
from sklearn_rnn.nn._config import (
    follow_workers as follow_workers,
)
from sklearn_rnn.nn._config import (
    uses_kernels as uses_kernels,
)
from sklearn_rnn.nn._crf import CRF
from sklearn_rnn.nn._dropout import Dropout, set_dropout_generator
from sklearn_rnn.nn._dropout import (
    set_dropout as set_dropout,
)
from sklearn_rnn.nn._encoder import Encoder
from sklearn_rnn.nn._gated import GRU, LSTM, Elman
from sklearn_rnn.nn._gated import (
    has_hooks as has_hooks,
)
from sklearn_rnn.nn._gated import (
    threads_for as threads_for,
)
from sklearn_rnn.nn._generation import ConditionedInputs, NextStepModel
from sklearn_rnn.nn._generation import (
    Memory as Memory,
)
from sklearn_rnn.nn._generation import (
    map_state as map_state,
)
from sklearn_rnn.nn._initialization import initialize, shrink_embeddings
from sklearn_rnn.nn._inputs import ColumnInputs, ConvStem, Standardize, TokenEmbedding
from sklearn_rnn.nn._last_steps import LastSteps
from sklearn_rnn.nn._losses import (
    CTC as CTC,
)
from sklearn_rnn.nn._losses import (
    REGRESSION_LOSSES as REGRESSION_LOSSES,
)
from sklearn_rnn.nn._losses import (
    BinaryCrossEntropy as BinaryCrossEntropy,
)
from sklearn_rnn.nn._losses import (
    CrossEntropy as CrossEntropy,
)
from sklearn_rnn.nn._losses import (
    NoteLikelihood as NoteLikelihood,
)
from sklearn_rnn.nn._losses import (
    PathLikelihood as PathLikelihood,
)
from sklearn_rnn.nn._losses import (
    Quantiles as Quantiles,
)
from sklearn_rnn.nn._losses import (
    TokenLikelihood as TokenLikelihood,
)
from sklearn_rnn.nn._losses import (
    log_probabilities as log_probabilities,
)
from sklearn_rnn.nn._losses import (
    make_regression_loss as make_regression_loss,
)
from sklearn_rnn.nn._losses import (
    note_log_likelihood as note_log_likelihood,
)
from sklearn_rnn.nn._losses import (
    token_log_likelihood as token_log_likelihood,
)
from sklearn_rnn.nn._masking import (
    flatten_steps as flatten_steps,
)
from sklearn_rnn.nn._masking import (
    gather_last as gather_last,
)
from sklearn_rnn.nn._masking import (
    padding_mask as padding_mask,
)
from sklearn_rnn.nn._models import CTCModel, SequenceModel, StepModel
from sklearn_rnn.nn._models import (
    Emissions as Emissions,
)
from sklearn_rnn.nn._ngrams import NGramBranch
from sklearn_rnn.nn._pooling import Pooling
from sklearn_rnn.nn._prediction import (
    find_packed_network as find_packed_network,
)
from sklearn_rnn.nn._prediction import (
    list_modules as list_modules,
)
from sklearn_rnn.nn._random_convolutions import RandomBranch, RandomConvolutions
from sklearn_rnn.nn._random_convolutions import (
    fit_ridge as fit_ridge,
)
from sklearn_rnn.nn._reset_before import ResetBeforeGRU
from sklearn_rnn.nn._stream import (
    list_stream_obstacles as list_stream_obstacles,
)
from sklearn_rnn.nn._stream import (
    make_fast_step as make_fast_step,
)
from sklearn_rnn.nn._stream import (
    make_pools as make_pools,
)
from sklearn_rnn.nn._translation import Decoder, TranslationModel
from sklearn_rnn.nn._vocabulary import (
    vocabulary_gradients as vocabulary_gradients,
)
from sklearn_rnn.nn._vocabulary import (
    vocabulary_loss as vocabulary_loss,
)
from sklearn_rnn.nn._words import WordEncoder

__all__ = [
    "CRF",
    "CTCModel",
    "GRU",
    "LSTM",
    "ColumnInputs",
    "ConditionedInputs",
    "ConvStem",
    "Decoder",
    "Dropout",
    "Elman",
    "Encoder",
    "LastSteps",
    "NGramBranch",
    "NextStepModel",
    "Pooling",
    "RandomBranch",
    "RandomConvolutions",
    "ResetBeforeGRU",
    "SequenceModel",
    "Standardize",
    "StepModel",
    "TokenEmbedding",
    "TranslationModel",
    "WordEncoder",
    "config_context",
    "initialize",
    "set_dropout_generator",
    "shrink_embeddings",
]
