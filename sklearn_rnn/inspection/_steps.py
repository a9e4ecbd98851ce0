"""Steps of sequences and states of the network: their positions and names."""

from numbers import Integral

import numpy as np

from sklearn_rnn._inspectable import answers_each_step, embedded_columns
from sklearn_rnn._sequences import RaggedArray, check_same_steps, check_step_targets
from sklearn_rnn.inspection._common import unwrap

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def as_array_or_ragged(sequences):
    """Return an array if all sequences have the same length, else a RaggedArray.

    Parameters
    ----------
    sequences : list of ndarray of shape (n_steps_i, n_features)
        One array per sample.

    Returns
    -------
    result : ndarray of shape (n_samples, n_steps, n_features) or RaggedArray
    """
    if len({len(s) for s in sequences}) == 1:
        return np.stack(sequences)
    return RaggedArray.from_sequences(sequences)


def steps_per_state(module):
    """Return the number of input steps from one state to the next.

    1 without a convolutional stem, otherwise the product of the strides of its
    layers. State k is centred on step ``k * steps_per_state``.
    """
    stem = module.stem
    return 1 if stem is None else stem.steps_per_output


def name_tokens(estimator, seen):
    """Return the token at each step, or None if X holds numbers.

    Parameters
    ----------
    estimator : estimator of sklearn_rnn, Pipeline or search
        Fitted. The tokens are looked up in the `vocabulary_` of a transformer.
    seen : Inspected
        Inputs of `estimator`, from `resolve_inputs`.

    Returns
    -------
    tokens : list of list of str, or None
        The ids themselves if there is no vocabulary, and "" for padding. With several
        columns per step, the words they were computed from, or None.
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
    """Return the label or number of each step.

    Returns
    -------
    labels : list of ndarray of shape (n_steps_i,), or None
        None if a step has several.

    Raises
    ------
    TypeError, ValueError
        If y does not hold one value for each step of X.
    """
    values, offsets = check_step_targets(y)
    check_same_steps(seen.X.offsets, offsets, ("X", "y"))
    return None if values.ndim > 1 else np.split(values, offsets[1:-1])


def check_step(step, seen):
    """Validate the `step` parameter for the inputs that `resolve_inputs` returned.

    Raises
    ------
    TypeError
        If `step` is None for an estimator with one prediction per step, or not None for
        another estimator.
    ValueError
        If `step` is not an integer, or a sequence has no such step.
    """
    name = type(seen.rnn).__name__
    if not answers_each_step(seen.rnn):
        if step is not None:
            raise TypeError(
                f"{name} has one prediction per sequence, so 'step' must be None. Got "
                f"{step!r} instead."
            )
        return
    if step is None:
        raise TypeError(
            f"{name} has one prediction per step: select the one to explain with the "
            "'step' parameter; -1 is the last step."
        )
    shortest = int(seen.X.lengths.argmin())
    n_steps = int(seen.X.lengths[shortest])
    if not isinstance(step, Integral) or not -n_steps <= step < n_steps:
        raise ValueError(
            f"The 'step' parameter must be an integer from {-n_steps} to {n_steps - 1}:"
            f" X[{shortest}] has {n_steps} steps. Got {step!r} instead."
        )
