"""step_attributions: the contribution of each step and feature to an output."""

from functools import partial

import numpy as np
import torch

from sklearn_rnn._inspectable import (
    explained_output,
    predicts_one_class,
    takes_checked_inputs,
)
from sklearn_rnn.inspection._common import choose_outputs, copy_module, resolve_inputs
from sklearn_rnn.inspection._steps import as_array_or_ragged, check_step
from sklearn_rnn.nn import ColumnInputs, Standardize, TokenEmbedding, config_context
from sklearn_rnn.utils import neutral_torch_state

_POINTS = 16  # of the integral, on each piece of the path
_TOLERANCE = 1e-3  # relative completeness error allowed on a piece
_SHORTEST = 2.0**-20  # smallest piece, of a path of length 1
_MAX_STEPS = 65_536  # in one pass through the network: bounds the memory


def step_attributions(
    estimator, X, *, method="integrated_gradients", target=None, step=None
):
    """Attribute an output of the network to the steps and features of its input.

    An attribution is the contribution of a value to the output, relative to an
    uninformative baseline. At the baseline every step is the mean of the training steps
    or, for tokens and categories, an unknown one, and there are no n-grams; the part of
    an n-gram is shared by its steps. A positive attribution raises the
    output.

    For a regressor, the output is the prediction, in the units of y. For a classifier,
    it is the log-odds ``log(p / (1 - p))`` of a class with probability p: unlike
    probabilities, log-odds do not saturate near 1. Estimators with one prediction per
    step have an output at each step, and `step` selects one. With ``crf=True``, p is
    the marginal probability, as from `predict_proba`, so it also depends on the
    evidence for the neighbouring labels.

    Requires captum: ``pip install "sklearn-rnn[explain]"``.

    Parameters
    ----------
    estimator : estimator of sklearn_rnn, Pipeline or search
        Fitted. The transformers of a pipeline are applied to X first, and the features
        are those of the transformed X.
    X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, n_features), \
            RaggedArray, or list of array-like of shape (n_steps_i, n_features) or \
            (n_steps_i,)
        The sequences, as passed to the estimator.
    method : {"integrated_gradients", "gradient", "occlusion"}, \
            default="integrated_gradients"
        Attribution method.

        - "integrated_gradients": the gradient times the distance from the baseline,
          averaged over the straight path from there [1]_. Complete: the attributions of
          a sequence sum to its output minus that of its baseline, within 1 % of the sum
          of their absolute values. A good first choice.
        - "gradient": the gradient at the sequence itself times the distance from the
          baseline. Fast, with a single pass. Exact for a linear network, but misleading
          if the output is saturated.
        - "occlusion": the drop of the output if one value alone is set to the baseline.
          Easy to explain, but slow, with one pass per value. It misses redundant
          values: if either of two suffices, hiding one changes nothing.

        The three are equal for a linear network.
    target : label, int, list or None, default=None
        Output to explain: a class label for a classifier or tagger, the index of a
        target for a regressor, or a list of these. None selects the class that is
        predicted for each sequence, or at `step`; of several targets or labels, all.
    step : int or None, default=None
        Index of the step whose prediction is explained, in every sequence; -1 is the
        last step. Required for `RNNTagger` and `RNNStepRegressor`, and None for the
        other estimators.

    Returns
    -------
    attributions : ndarray of shape (n_samples, n_steps, n_features), RaggedArray or \
            dict
        Attributions in float64; an array if all sequences have the same length. A
        column of tokens or categories is one feature, the sum over its embedding, and
        so are the characters of a word. The attributions are zero for a label that the
        scheme of a CRF forbids or requires at `step`. With a list or several targets, a
        dict with the attributions of each.

    Raises
    ------
    ImportError
        If captum is not installed.
    TypeError, ValueError
        If `estimator` is not an sklearn_rnn estimator, or a parameter or X is invalid
        for it.

    See Also
    --------
    AttributionDisplay : Plot the attributions.
    attention_weights : Weights of attention pooling.

    Notes
    -----
    Each sequence is processed alone, without padding, and on the CPU in double
    precision. The path of integrated gradients is subdivided adaptively: a piece is
    halved if its attributions do not sum to the difference between its ends. A sequence
    takes 16 passes or more for each output, forward and backward: tens of milliseconds.
    "gradient" takes one, and "occlusion" one for each value.

    An attribution describes the network, not the world: of two correlated features, the
    network may use either.

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
    check_step(step, seen)
    indexed = seen.index_tokens()

    def attribute(columns):
        return as_array_or_ragged(
            attribute_sequences(seen.rnn, indexed, method, columns, step)
        )

    if target is None and predicts_one_class(seen.rnn):
        return attribute(_predict_columns(seen, step))
    targets = target if isinstance(target, list) else [target]
    columns = [c for one in targets for c in choose_outputs(seen.rnn, one)]
    if len(columns) == 1 and not isinstance(target, list):
        return attribute(columns * len(indexed))
    keys = getattr(seen.rnn, "classes_", np.arange(seen.rnn.n_outputs_)).tolist()
    return {keys[c]: attribute([c] * len(indexed)) for c in columns}


def _predict_columns(seen, step):
    """Return the column of the class predicted for each sequence, or at its step."""
    labels = takes_checked_inputs(seen.rnn).predict(seen.X)
    if step is not None:
        labels = [one[step] for one in labels]
    return np.searchsorted(seen.rnn.classes_, labels).tolist()


@neutral_torch_state()
def attribute_sequences(rnn, X, method, columns, step=None):
    """Attribute an output for each sequence to its values.

    Parameters
    ----------
    rnn : BaseRNN
        Fitted.
    X : RaggedArray
        Input of the network, from `Inspected.index_tokens`.
    method : {"integrated_gradients", "gradient", "occlusion"}
        See `step_attributions`.
    columns : list of int
        Index of the class or target, for each sequence.
    step : int or None, default=None
        Index of the step; None if there is one prediction per sequence.

    Returns
    -------
    attributions : list of ndarray of shape (n_steps_i, n_features)
        One array per sequence.
    """
    if method not in list(_METHODS):
        raise ValueError(
            f"The 'method' parameter must be one of {list(_METHODS)}. Got {method!r} "
            "instead."
        )
    module = copy_module(rnn).requires_grad_(False)

    def explain(column, vectors):
        outputs = _forward_vectors(module, vectors)
        return explained_output(rnn, outputs, column, step, len(vectors))

    return [
        _attribute_one(_METHODS[method], module, partial(explain, column), x)
        for x, column in zip(X, columns, strict=True)
    ]


def _attribute_one(attribute, module, explain, sequence):
    """Return the attributions of one sequence, (n_steps, n_features)."""
    parameter = next(module.parameters())
    features = _features_of_vectors(module, sequence.shape[1])
    n_features = int(features.max()) + 1
    # cuDNN has no gradients in eval mode
    with config_context(kernels="torch"), torch.backends.cudnn.flags(enabled=False):
        x = torch.tensor(sequence)[None].to(parameter.device)
        vectors = _make_vectors(
            module, x if x.dtype == torch.int64 else x.to(parameter.dtype)
        )
        if _is_certain(module, explain(vectors)):
            return np.zeros((len(sequence), n_features))
        baseline = _make_baseline(module.inputs).to(vectors)
        n_more = vectors.shape[2] - len(baseline)  # n-grams: none
        baseline = torch.nn.functional.pad(baseline, (0, n_more))

        def explain_shift(shift):  # captum's baseline is zero
            return explain(baseline + shift)

        parts = attribute(explain_shift, vectors - baseline, features)[0].detach()
    parts = [parts[:, features == j].sum(dim=1) for j in range(n_features)]
    return torch.stack(parts, dim=1).double().cpu().numpy()


def _is_certain(module, output):
    """Return whether the constraints of a CRF alone determine a label."""
    return getattr(module, "crf", None) is not None and not output.isfinite()


def _make_vectors(module, x):
    """Return a vector for each step; what its n-grams add to the outputs follows."""
    vectors, ngrams = module.inputs(x), getattr(module, "ngram_branch", None)
    if ngrams is None:
        return vectors
    return torch.cat([vectors, ngrams.contributions(x)], dim=-1)


def _forward_vectors(module, vectors):
    """Return the outputs from what `_make_vectors` returns."""
    ngrams = getattr(module, "ngram_branch", None)
    if ngrams is None:
        return module.forward_vectors(vectors)
    vectors, parts = vectors.split([module.inputs.output_size, len(ngrams.bias)], dim=2)
    return ngrams.mix(module.forward_vectors(vectors), ngrams.bias + parts.sum(dim=1))


def _features_of_vectors(module, n_columns):
    """Return the feature of X that each entry of the vectors belongs to."""
    inputs, ngrams = module.inputs, getattr(module, "ngram_branch", None)
    if isinstance(inputs, Standardize):
        return torch.arange(n_columns)
    if isinstance(inputs, TokenEmbedding):
        n_more = 0 if ngrams is None else len(ngrams.bias)
        return torch.zeros(inputs.output_size + n_more, dtype=torch.int64)
    sizes = [embedding.output_size for embedding in inputs.embeddings]
    first = torch.tensor([*inputs.numbers, *(js[0] for js in inputs.columns)])
    # features are in the order of their first columns
    features = first.argsort().argsort()
    return features.repeat_interleave(torch.tensor([1] * len(inputs.numbers) + sizes))


def _make_baseline(inputs):
    """Return the vector of a step without information.

    Numbers are at their mean, tokens and categories are unknown.
    """
    if isinstance(inputs, TokenEmbedding):
        return inputs.table.weight[0]
    if not isinstance(inputs, ColumnInputs):
        return torch.zeros(inputs.output_size)
    parts = [_make_baseline(embedding).cpu() for embedding in inputs.embeddings]
    return torch.cat([torch.zeros(len(inputs.numbers)), *parts])


# The methods ------------------------------------------------------------------------


def _integrated_gradients(output, x, features):
    """Integrate along the straight path from zeros to x, in adaptive pieces."""
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


def _gradient(output, x, features):
    return _import_captum().InputXGradient(output).attribute(x.requires_grad_())


def _occlusion(output, x, features):
    """Hide the value, or the whole embedding, of one feature at one step."""
    _, n_steps, _ = x.shape
    at_once = max(1, _MAX_STEPS // n_steps)
    steps = torch.arange(n_steps)[:, None] * (int(features.max()) + 1)
    method = _import_captum().FeatureAblation(output)
    parts = method.attribute(
        x,
        feature_mask=(steps + features)[None].to(x.device),
        perturbations_per_eval=at_once,
    )
    # each entry of an embedding was given the whole difference
    return parts / features.bincount()[features].to(x)


def _import_captum():
    try:
        import captum.attr
    except ImportError as error:
        raise ImportError(
            "step_attributions requires captum, which is not installed: pip install "
            '"sklearn-rnn[explain]".'
        ) from error
    return captum.attr


_METHODS = {
    "integrated_gradients": _integrated_gradients,
    "gradient": _gradient,
    "occlusion": _occlusion,
}
