"""Steps of sequences and states of the network: where they lie, how they are called."""

import numpy as np

from sklearn_rnn._sequences._ragged import RaggedArray
from sklearn_rnn.inspection._common import unwrap

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def as_array_or_ragged(sequences):
    """Return sequences as one array where they are equally long, else as RaggedArray.

    Parameters
    ----------
    sequences : list of ndarray of shape (n_steps_i, n_features)
        One a sample.

    Returns
    -------
    result : ndarray of shape (n_samples, n_steps, n_features) or RaggedArray
    """
    if len({len(s) for s in sequences}) == 1:
        return np.stack(sequences)
    return RaggedArray.from_sequences(sequences)


def steps_per_state(module):
    """Return how many steps of the input lie between two states.

    1 without a convolutional stem; with one, its stride to the power of the number of
    its convolutions. State k is centred on step ``k * steps_per_state``.
    """
    stem = module.stem
    return 1 if stem is None else stem.stride ** len(stem.convolutions)


def name_tokens(estimator, X):
    """Return the token at each step, or None where X holds numbers.

    Parameters
    ----------
    estimator : RNNClassifier, RNNRegressor, Pipeline or search
        Fitted. A transformer with a `vocabulary_` knows the tokens.
    X : RaggedArray
        What reaches the network.

    Returns
    -------
    tokens : list of list of str, or None
        Of ids without a vocabulary, the ids themselves. Padding is empty.
    """
    rnn, transformers = unwrap(estimator)
    if rnn._vocabulary is None:
        return None
    names = None
    for transformer in transformers:
        if hasattr(transformer, "vocabulary_"):
            names = {i: token for token, i in transformer.vocabulary_.items()}
            names[transformer.padding_id_] = ""
    if names is None:
        return [[str(i) for i in x.ravel().tolist()] for x in X]
    return [[names.get(i, _UNKNOWN) for i in x.ravel().tolist()] for x in X]
