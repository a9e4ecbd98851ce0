"""attention_weights: the weights of attention pooling."""

import numpy as np
import torch

from sklearn_rnn.inspection._common import batches, copy_module, resolve_inputs
from sklearn_rnn.inspection._steps import as_array_or_ragged
from sklearn_rnn.utils import neutral_torch_state


def attention_weights(estimator, X):
    """Return the weight of each state in attention pooling.

    With ``pooling="attention"`` the vector of a sequence is a weighted mean of its
    states. The weights are positive and sum to 1 over the states of a sequence.

    Parameters
    ----------
    estimator : RNNClassifier, RNNRegressor, Pipeline or search
        Fitted, with ``pooling="attention"``. The transformers of a pipeline are applied
        to X first.
    X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, n_features), \
            RaggedArray, or list of array-like of shape (n_steps_i, n_features) or \
            (n_steps_i,)
        The sequences, as passed to the estimator.

    Returns
    -------
    weights : ndarray of shape (n_samples, n_states) or RaggedArray
        An array if all sequences have the same length, otherwise a RaggedArray with one
        feature. There is one state per step or, after a convolutional stem, one for
        as many steps as the product of the strides of its layers.

    Raises
    ------
    ValueError
        If the network has another pooling, or X does not match the training data.
    TypeError
        If `estimator` is not an sklearn_rnn estimator, or has no pooling, such as
        `RNNTagger`.

    See Also
    --------
    AttentionDisplay : Plot the weights.
    step_attributions : Contribution of each step to an output, for every network.

    Notes
    -----
    A weight is the share of a state in the vector. It does not show whether the state
    is evidence for or against a class. A state also depends on the steps before it and,
    in a bidirectional network, on those after it. A large weight at a step therefore
    does not imply that the value at this step is decisive [1]_.

    References
    ----------
    .. [1] S. Jain, B. Wallace, "Attention is not explanation", NAACL 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import attention_weights
    >>> X = np.random.default_rng(0).normal(size=(40, 7, 1))
    >>> y = X[:, :, 0].max(axis=1) > 1.5
    >>> classifier = RNNClassifier(
    ...     conv_channels=None, pooling="attention", max_epochs=3, random_state=0
    ... ).fit(X, y)
    >>> weights = attention_weights(classifier, X)
    >>> weights.shape
    (40, 7)
    >>> bool(np.allclose(weights.sum(axis=1), 1))
    True
    """
    return find_weights(resolve_inputs(estimator, X))


@neutral_torch_state()
def find_weights(seen):
    """Return the weights for the inputs that `resolve_inputs` returned."""
    module = copy_module(seen.rnn)
    if not hasattr(module, "pooling"):
        raise TypeError(
            "attention_weights needs an estimator with pooling='attention'. "
            f"{type(seen.rnn).__name__} has no pooling: it predicts from the state of "
            "each step. step_attributions shows which steps a prediction depends on."
        )
    if module.pooling.kind != "attention":
        raise ValueError(
            "attention_weights needs an estimator that was fitted with "
            f"pooling='attention'. Got pooling={module.pooling.kind!r} instead."
        )
    found = [None] * len(seen.X)
    with torch.inference_mode():
        for rows, x, lengths in batches(seen.index_tokens(), seen.rnn):
            states, lengths = module.hidden_states(x, lengths)
            weights = module.pooling.attention_weights(states, lengths).cpu().numpy()
            for i, row in enumerate(rows):
                n_states = weights.shape[1] if lengths is None else int(lengths[i])
                found[row] = weights[i, :n_states, np.newaxis]
    result = as_array_or_ragged(found)
    return result[:, :, 0] if isinstance(result, np.ndarray) else result
