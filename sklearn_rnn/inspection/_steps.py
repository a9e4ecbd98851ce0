"""Steps of sequences and states of the network: where they lie, how they are called."""

from numbers import Integral

import numpy as np

from sklearn_rnn._inspectable import answers_each_step, embedded_columns
from sklearn_rnn._sequences import RaggedArray, check_same_steps, check_step_targets
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


def name_tokens(estimator, seen):
    """Return the token at each step, or None if X holds numbers.

    Parameters
    ----------
    estimator : estimator of sklearn_rnn, Pipeline or search
        Fitted. A transformer with a `vocabulary_` knows the tokens.
    seen : Inspected
        What `resolve_inputs` returned for it.

    Returns
    -------
    tokens : list of list of str, or None
        Of ids without a vocabulary, the ids themselves. Padding is empty. Of several
        columns a step, the words that they were made of, if the user gave words.
    """
    rnn, transformers = unwrap(estimator)
    if not embedded_columns(rnn):
        return None
    if seen.X.n_features > 1:
        return seen.words
    names = None
    for transformer in transformers:
        if hasattr(transformer, "vocabulary_"):
            names = {i: token for token, i in transformer.vocabulary_.items()}
            names[transformer.padding_id_] = ""
    if names is None:
        return [[str(i) for i in x.ravel().tolist()] for x in seen.X]
    return [[names.get(i, _UNKNOWN) for i in x.ravel().tolist()] for x in seen.X]


def read_step_labels(y, seen):
    """Return the label, or number, of each step of what `resolve_inputs` returned.

    Returns
    -------
    labels : list of ndarray of shape (n_steps_i,), or None
        None if a step has several.

    Raises
    ------
    TypeError, ValueError
        If y is not one sequence of answers for each of X, as long as this.
    """
    values, offsets = check_step_targets(y)
    check_same_steps(seen.X.offsets, offsets, ("X", "y"))
    return None if values.ndim > 1 else np.split(values, offsets[1:-1])


def check_step(step, seen):
    """Check which step's answer is meant, for what `resolve_inputs` returned.

    Raises
    ------
    TypeError
        If `step` is None for an estimator of an answer at every step, or not None for
        another.
    ValueError
        If it is no integer, or a sequence has no such step.
    """
    name = type(seen.rnn).__name__
    if not answers_each_step(seen.rnn):
        if step is not None:
            raise TypeError(
                f"{name} has one answer a sequence, so 'step' must be None. Got "
                f"{step!r} instead."
            )
        return
    if step is None:
        raise TypeError(
            f"{name} has an answer at every step: choose the one to explain by the "
            "'step' parameter; -1 is that of the last step."
        )
    shortest = int(seen.X.lengths.argmin())
    n_steps = int(seen.X.lengths[shortest])
    if not isinstance(step, Integral) or not -n_steps <= step < n_steps:
        raise ValueError(
            f"The 'step' parameter must be an integer from {-n_steps} to {n_steps - 1}:"
            f" X[{shortest}] has {n_steps} steps. Got {step!r} instead."
        )
