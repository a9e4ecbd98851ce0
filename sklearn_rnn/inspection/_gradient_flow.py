"""The gradient of the loss with respect to every state, computed step by step."""

import numpy as np
import torch
from sklearn.utils.validation import check_consistent_length

from sklearn_rnn._inspectable import compute_losses, encode_targets
from sklearn_rnn.inspection._common import batches, copy_module, resolve_inputs
from sklearn_rnn.nn import padding_mask
from sklearn_rnn.utils import neutral_torch_state

_MAX_STEPS = 16_384  # of a batch: all its steps are kept for the backward pass


class StepByStep(torch.nn.Module):
    """A recurrent layer as a loop over its `step`, which keeps every state.

    A layer computes a whole sequence at once. It has no tensor for the state after a
    step that feeds both the output and the next step; this loop has.

    Parameters
    ----------
    layer : torch.nn.Module
        A layer that follows the contract of :mod:`sklearn_rnn.nn`.
    """

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, lengths=None, state=None):
        """Run over all steps, as the layer does."""
        self.states, outputs = [], []
        for x_t in x.unbind(dim=1):
            output, state = self.layer.step(x_t, state)
            outputs.append(output)
            self.states.append(state[0] if isinstance(state, tuple) else state)
        outputs = torch.stack(outputs, dim=1)
        self.valid = torch.ones(outputs.shape[:2], dtype=torch.bool)
        if lengths is not None:
            self.valid = padding_mask(lengths, x.shape[1])
            outputs = outputs.masked_fill(~self.valid.unsqueeze(-1), 0)
        return outputs, state


@neutral_torch_state()
def compute_gradient_norms(estimator, X, y):
    """Compute the mean norm of d loss / d h[t] for each number of steps back.

    Parameters
    ----------
    estimator : estimator
        See `GradientFlowDisplay.from_estimator`.
    X : like X in `fit`
        The sequences.
    y : like y in `fit`
        Their targets.

    Returns
    -------
    norms : ndarray of shape (n_layers, n_directions, n_steps)
        Entry k of the last axis is the mean over the sequences with more than k steps.
    """
    seen = resolve_inputs(estimator, X)
    check_consistent_length(seen.X.offsets[1:], y)
    y = encode_targets(seen.rnn, seen.X, y)
    module = copy_module(seen.rnn)
    n_directions = 2 if module.encoder.backward_layers else 1
    layers = _run_step_by_step(module.encoder)
    norms, steps_back = [], []
    for rows, x, lengths in batches(
        seen.index_tokens(), seen.rnn, max_steps=_MAX_STEPS
    ):
        loss = compute_losses(seen.rnn, module(x, lengths), y[rows]).sum()
        valid = layers[0].valid.cpu().numpy()
        norms.append(_norms_of_gradients(loss, layers)[:, valid])
        steps_back.append((valid.sum(1, keepdims=True) - valid.cumsum(1))[valid])
    means = _mean_by(np.concatenate(steps_back), np.concatenate(norms, axis=1))
    return means.reshape(-1, n_directions, means.shape[1])


def _run_step_by_step(encoder):
    """Replace the layers of an encoder and return them, grouped by layer."""
    replaced = []
    for index, layer in enumerate(encoder.forward_layers):
        if not hasattr(layer, "step"):
            raise TypeError(
                "The gradient flow requires a cell with a method step(x_t, state). "
                f"{type(layer).__name__} has none."
            )
        for layers in (encoder.forward_layers, encoder.backward_layers):
            if index < len(layers):
                layers[index] = StepByStep(layers[index])
                replaced.append(layers[index])
    return replaced


def _norms_of_gradients(loss, layers):
    """Return norms of shape (n_layers * n_directions, batch, time), in reading order.

    With respect to a state of one sequence, the sum of the losses of a batch has the
    gradient of the loss of this sequence.
    """
    states = [state for layer in layers for state in layer.states]
    gradients = torch.autograd.grad(loss, states, materialize_grads=True)
    norms = torch.stack([g.norm(dim=1) for g in gradients])
    return norms.reshape(len(layers), -1, norms.shape[1]).transpose(1, 2).cpu().numpy()


def _mean_by(group, rows):
    """Return the mean of each row in each group, (n_rows, n_groups)."""
    count = np.bincount(group)
    return np.array([np.bincount(group, weights=row) / count for row in rows])
