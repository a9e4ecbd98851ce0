"""gate_activations: the gates of LSTM and GRU at every step."""

from functools import partial
from numbers import Integral

import numpy as np
import torch
from scipy.special import expit

from sklearn_rnn import nn
from sklearn_rnn.inspection._common import copy_module, resolve_inputs
from sklearn_rnn.inspection._steps import as_array_or_ragged
from sklearn_rnn.utils import StrOptions, neutral_torch_state, validate_params


@validate_params(
    {"layer": [Integral], "direction": [StrOptions({"forward", "backward"})]},
    prefer_skip_nested_validation=True,
)
@neutral_torch_state()
def gate_activations(estimator, X, *, layer=-1, direction="forward"):
    """Return the gates of an LSTM or GRU at every step.

    A gate is a number between 0, closed, and 1, open, for each unit. In the symbols of
    :class:`~sklearn_rnn.nn.GRU`, :class:`~sklearn_rnn.nn.ResetBeforeGRU` and
    :class:`~sklearn_rnn.nn.LSTM`:

    - GRU: "update", :math:`z_t`, the fraction of the old state that is kept; "reset",
      :math:`r_t`, the fraction of the old state that enters the new value; "candidate",
      :math:`n_t`, the new value.
    - LSTM: "input", :math:`i_t`, the fraction of the new value that is added to the
      cell; "forget", :math:`f_t`, the fraction of the old cell that is kept; "output",
      :math:`o_t`, the fraction of the cell that is exposed; "candidate", :math:`g_t`,
      the new value; "cell", :math:`c_t`.

    Candidates are between -1 and 1. The cell is unbounded.

    Parameters
    ----------
    estimator : estimator of sklearn_rnn, Pipeline or search
        Fitted, with ``cell="lstm"``, ``"gru"`` or ``"gru_reset_before"``. The
        transformers of a pipeline are applied to X first.
    X : array-like of shape (n_samples, n_steps) or (n_samples, n_steps, n_features), \
            RaggedArray, or list of array-like of shape (n_steps_i, n_features) or \
            (n_steps_i,)
        The sequences, as passed to the estimator.
    layer : int, default=-1
        Index of the recurrent layer, counted from the input; -1 is the last.
    direction : {"forward", "backward"}, default="forward"
        Direction of a bidirectional layer. Gates are in the order of the steps for
        both directions.

    Returns
    -------
    gates : dict
        For each of the names above, an ndarray of shape (n_samples, n_states,
        hidden_size) if all sequences have the same length, otherwise a RaggedArray.
        There is one state per step or, after a convolutional stem, one for as many
        steps as the product of the strides of its layers.

    Raises
    ------
    ValueError
        If there is no such layer or direction, or X does not match the training data.
    TypeError
        If `estimator` is not an sklearn_rnn estimator, or its layers are neither LSTM
        nor GRU.

    See Also
    --------
    HiddenStateDisplay : Plot states or gates.

    Notes
    -----
    The gates are computed by a loop over the formulas, independently of the code that
    trains and predicts.

    References
    ----------
    A. Karpathy, J. Johnson, L. Fei-Fei, "Visualizing and understanding recurrent
    networks", ICLR 2016 workshop.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import gate_activations
    >>> X = np.random.default_rng(0).normal(size=(20, 7, 1))
    >>> y = X[:, 0, 0] > 0
    >>> classifier = RNNClassifier(conv_channels=None, max_epochs=3).fit(X, y)
    >>> gates = gate_activations(classifier, X)
    >>> list(gates)
    ['reset', 'update', 'candidate']
    >>> gates["update"].shape
    (20, 7, 64)
    """
    seen = resolve_inputs(estimator, X)
    module = copy_module(seen.rnn).cpu().double()
    index = _check_layer(module.encoder, layer, direction)
    backward = direction == "backward"
    chosen = (
        module.encoder.backward_layers if backward else module.encoder.forward_layers
    )
    weights = [p.detach().numpy() for p in chosen[index].rnn.parameters()]
    loop = _LOOPS[type(chosen[index])]
    found = []
    for sequence in seen.index_tokens():
        inputs = _inputs_of_layer(module, sequence, index)
        if backward:
            gates = loop(inputs[::-1], *weights)
            found.append({name: values[::-1] for name, values in gates.items()})
        else:
            found.append(loop(inputs, *weights))
    return {
        name: as_array_or_ragged([gates[name] for gates in found]) for name in found[0]
    }


def _check_layer(encoder, layer, direction):
    """Return the index of the layer, counted from the input."""
    n_layers = len(encoder.forward_layers)
    if not -n_layers <= layer < n_layers:
        raise ValueError(
            "The 'layer' parameter of gate_activations must be between "
            f"{-n_layers} and {n_layers - 1}: the network has {n_layers} recurrent "
            f"layer(s). Got {layer} instead."
        )
    if direction == "backward" and not encoder.backward_layers:
        raise ValueError(
            "direction='backward' needs an estimator that was fitted with "
            "bidirectional=True."
        )
    found = type(encoder.forward_layers[layer])
    if found not in _LOOPS:
        raise TypeError(
            "gate_activations needs layers with gates: cell='lstm', cell='gru' or "
            f"cell='gru_reset_before'. Got {found.__name__} instead."
        )
    return layer % n_layers


@torch.no_grad()
def _inputs_of_layer(module, sequence, index):
    """Return the input of a layer for one sequence, (n_states, size)."""
    x = torch.from_numpy(sequence.copy())[None]
    x = module.inputs(x if x.dtype == torch.int64 else x.double())
    if module.stem is not None:
        x, _ = module.stem(x)
    encoder = module.encoder
    for number in range(index):
        outputs = [encoder.forward_layers[number](x)[0]]
        if encoder.backward_layers:
            outputs.append(encoder.backward_layers[number](x.flip(1))[0].flip(1))
        x = torch.cat(outputs, dim=-1)
    return x[0].numpy()


def _run_gru(inputs, w_ih, w_hh, b_ih, b_hh, *, reset_before=False):
    h = np.zeros(w_hh.shape[1])
    names, steps = ("reset", "update", "candidate"), []
    for x in inputs:
        x_r, x_z, x_n = np.split(w_ih @ x + b_ih, 3)
        h_r, h_z, h_n = np.split(w_hh @ h + b_hh, 3)
        r, z = expit(x_r + h_r), expit(x_z + h_z)
        if reset_before:
            h_n = np.split(w_hh, 3)[2] @ (r * h) + np.split(b_hh, 3)[2]
        n = np.tanh(x_n + (h_n if reset_before else r * h_n))
        h = (1 - z) * n + z * h
        steps.append((r, z, n))
    return dict(zip(names, np.stack(steps, axis=1), strict=True))


def _run_lstm(inputs, w_ih, w_hh, b_ih, b_hh):
    h = c = np.zeros(w_hh.shape[1])
    names, steps = ("input", "forget", "candidate", "output", "cell"), []
    for x in inputs:
        i, f, g, o = np.split(w_ih @ x + b_ih + w_hh @ h + b_hh, 4)
        i, f, g, o = expit(i), expit(f), np.tanh(g), expit(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        steps.append((i, f, g, o, c))
    return dict(zip(names, np.stack(steps, axis=1), strict=True))


_LOOPS = {
    nn.GRU: _run_gru,
    nn.ResetBeforeGRU: partial(_run_gru, reset_before=True),
    nn.LSTM: _run_lstm,
}
