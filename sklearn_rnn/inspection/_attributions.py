"""step_attributions: what each step and feature adds to an output."""

import torch

from sklearn_rnn._classifier import RNNClassifier
from sklearn_rnn._targets import LabelTargets
from sklearn_rnn.inspection._common import choose_outputs, copy_module, resolve_inputs
from sklearn_rnn.inspection._steps import as_array_or_ragged
from sklearn_rnn.nn import config_context
from sklearn_rnn.utils._torch import neutral_torch_state

_POINTS = 16  # of the integral, on each piece of the path
_TOLERANCE = 1e-3  # what completeness may lack on a piece, relative
_SHORTEST = 2.0**-20  # a piece that is halved no further; the whole path is 1
_MAX_STEPS = 65_536  # that go through the network together: bounds the memory


def step_attributions(estimator, X, *, method="integrated_gradients", target=None):
    """Attribute an output of the network to the steps and features of its input.

    An attribution is what a value adds to the output, compared with a baseline that
    says nothing: every step the mean of the training steps, or, of tokens, the vector
    of zeros. Positive: it raises the output.

    The output is, of a regressor, what `predict` returns, in the units of y; of a
    classifier, the log-odds ``log(p / (1 - p))`` of a class, where p is its
    probability. Log-odds go on growing where probabilities are nearly 1.

    Needs captum: ``pip install "sklearn-rnn[explain]"``.

    Parameters
    ----------
    estimator : RNNClassifier, RNNRegressor, Pipeline or search
        Fitted. The transformers of a pipeline are applied to X first; the features are
        those that they make.
    X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, n_features), \
            RaggedArray, or list of array-like of shape (n_steps_i, n_features) or \
            (n_steps_i,)
        The sequences, as the estimator takes them.
    method : {"integrated_gradients", "gradient", "occlusion"}, \
            default="integrated_gradients"
        How to attribute.

        - "integrated_gradients": the gradient times the distance from the baseline,
          averaged over the straight path from there [1]_. Complete: the attributions of
          a sequence sum to its output less that of its baseline, but for 1 % of the sum
          of their absolute values at most. The one to begin with.
        - "gradient": the gradient at the sequence itself times the distance from the
          baseline. Fast: one pass. What would be if the network were linear; misleads
          where an output no longer reacts to small changes.
        - "occlusion": how much the output falls when one value alone is set to the
          baseline. Easy to explain; slow, a pass for each value; blind where one of
          two equal values is enough.

        On a linear network the three are equal.
    target : label, int or None, default=None
        Which output: of a classifier, the label of a class; of a regressor, the number
        of a target. None: all of them.

    Returns
    -------
    attributions : ndarray of shape (n_samples, n_steps, n_features), RaggedArray or \
            dict
        Float64; an array where all sequences are equally long. Of tokens, one feature:
        the sum over the embedding. With ``target=None``, a dict that has attributions
        for each class or target, in order, unless there is one target alone.

    Raises
    ------
    ImportError
        If captum is not installed.
    TypeError, ValueError
        If the estimator is none of ours or a parameter or X does not suit it.

    See Also
    --------
    AttributionDisplay : Draws them.
    attention_weights : What a network with attention looks at.

    Notes
    -----
    Each sequence is computed by itself: padding takes no part. On the CPU it is done in
    double precision. The path of integrated gradients is halved wherever the
    attributions of a piece do not sum to the difference of its ends, so that steep
    parts get more points.

    An attribution says what the network does, and not what is so in the world: of two
    correlated features it may use either.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks",
       ICML 2017.
    .. [2] N. Kokhlikyan et al., "Captum: a unified and generic model interpretability
       library for PyTorch", arXiv:2009.07896.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNRegressor
    >>> from sklearn_rnn.inspection import step_attributions
    >>> X = np.random.default_rng(0).normal(size=(80, 6, 2))
    >>> y = X[:, :, 1].sum(axis=1)  # the second feature alone
    >>> regressor = RNNRegressor(
    ...     conv_channels=None, hidden_size=16, max_epochs=30, random_state=0
    ... ).fit(X, y)
    >>> attributions = step_attributions(regressor, X[:20])
    >>> attributions.shape
    (20, 6, 2)
    >>> np.abs(attributions).mean(axis=(0, 1)).argmax()
    np.int64(1)
    """
    seen = resolve_inputs(estimator, X)
    columns, indexed = choose_outputs(seen.rnn, target), seen.index_tokens()
    results = [
        as_array_or_ragged(attribute_sequences(seen.rnn, indexed, method, column))
        for column in columns
    ]
    if len(results) == 1:
        return results[0]
    is_classifier = isinstance(seen.rnn, RNNClassifier)
    keys = seen.rnn.classes_.tolist() if is_classifier else columns
    return dict(zip(keys, results, strict=True))


@neutral_torch_state()
def attribute_sequences(rnn, X, method, column):
    """Attribute one output to the values of some sequences.

    Parameters
    ----------
    rnn : RNNClassifier or RNNRegressor
        Fitted.
    X : RaggedArray
        As the network reads it: `Inspected.index_tokens` made it.
    method : {"integrated_gradients", "gradient", "occlusion"}
        As of `step_attributions`.
    column : int
        Which class or target.

    Returns
    -------
    attributions : list of ndarray of shape (n_steps_i, n_features)
        Of each sequence.
    """
    if method not in list(_METHODS):
        raise ValueError(
            f"The 'method' parameter must be one of {list(_METHODS)}. Got {method!r} "
            "instead."
        )
    module = copy_module(rnn).requires_grad_(False)
    attribute = _METHODS[method]
    return [_attribute_one(attribute, rnn, module, x, column) for x in X]


def _attribute_one(attribute, rnn, module, sequence, column):
    """Return the attributions of one sequence, (n_steps, n_features)."""
    parameter = next(module.parameters())
    tokens = rnn._vocabulary is not None
    # cuDNN has no gradients in eval mode
    with config_context(kernels="torch"), torch.backends.cudnn.flags(enabled=False):
        x = torch.tensor(sequence)[None].to(parameter.device)
        vectors = module.inputs(x if tokens else x.to(parameter.dtype))

        def output(vectors):
            # the baseline is zero, after standardisation and of embedded tokens
            return explained_output(rnn, module.forward_vectors(vectors), column)

        parts = attribute(output, vectors, tokens)[0].detach()
    parts = parts.sum(dim=1, keepdim=True) if tokens else parts
    return parts.double().cpu().numpy()


def explained_output(rnn, outputs, column):
    """Return the output that attributions are of, (batch,).

    Parameters
    ----------
    rnn : RNNClassifier or RNNRegressor
        Fitted.
    outputs : Tensor of shape (batch, n_outputs)
        Of the network, before the link.
    column : int
        Which class or target.
    """
    if not isinstance(rnn, RNNClassifier):
        targets = rnn._targets
        scale, mean = float(targets.scale[column]), float(targets.mean[column])
        return rnn._loss.predict(outputs)[:, column] * scale + mean
    if isinstance(rnn._targets, LabelTargets):
        return outputs[:, column]
    others = torch.arange(outputs.shape[1], device=outputs.device) != column
    return outputs[:, column] - outputs[:, others].logsumexp(dim=1)


# The methods ------------------------------------------------------------------------


def _integrated_gradients(output, x, whole_steps):
    """Along the straight path from zeros to x, in pieces as short as it takes."""
    method = _import_captum().IntegratedGradients(output)
    at_once = max(1, _MAX_STEPS // (_POINTS * x.shape[1]))
    rise = (output(x) - output(torch.zeros_like(x))).abs()
    total = torch.zeros_like(x)
    pieces = [(0.0, 1.0)]
    while pieces:
        now, pieces = pieces[:at_once], pieces[at_once:]
        starts, stops = x.new_tensor(now).T.reshape(2, -1, 1, 1)
        parts, gaps = method.attribute(
            stops * x,
            baselines=starts * x,
            n_steps=_POINTS,
            return_convergence_delta=True,
        )
        allowed = _TOLERANCE * torch.maximum(parts.abs().sum(dim=(1, 2)), rise)
        for piece, part, fine in zip(now, parts, gaps.abs() <= allowed, strict=True):
            start, stop = piece
            if fine or stop - start <= _SHORTEST:
                total += part
            else:
                middle = (start + stop) / 2
                pieces += [(start, middle), (middle, stop)]
    return total


def _gradient(output, x, whole_steps):
    return _import_captum().InputXGradient(output).attribute(x.requires_grad_())


def _occlusion(output, x, whole_steps):
    """Hide value by value, or step by step where a step is one token."""
    width = x.shape[2] if whole_steps else 1
    at_once = max(1, _MAX_STEPS // x.shape[1])
    method = _import_captum().Occlusion(output)
    parts = method.attribute(
        x, sliding_window_shapes=(1, width), perturbations_per_eval=at_once
    )
    return parts / width  # each value of a window was given the whole difference


def _import_captum():
    try:
        import captum.attr
    except ImportError as error:
        raise ImportError(
            "step_attributions computes with captum, which is not installed: pip "
            'install "sklearn-rnn[explain]".'
        ) from error
    return captum.attr


_METHODS = {
    "integrated_gradients": _integrated_gradients,
    "gradient": _gradient,
    "occlusion": _occlusion,
}
