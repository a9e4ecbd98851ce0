"""The GRU whose reset gate acts before the product: one layer, one direction."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from sklearn_rnn.nn._gated import RecurrentLayer


class _ResetBefore(nn.GRU):
    """torch.nn.GRU, its weights and arguments, with the other equation: a loop."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.mode = "GRU_RESET_BEFORE"  # the name of the kernels, in upper case

    def forward(self, x: Any, state: Any = None) -> Any:
        h = x.new_zeros(len(x), self.hidden_size) if state is None else state[0]
        outputs = []
        for x_t in x.unbind(1):
            h = _run_step(x_t, h, *self.all_weights[0])
            outputs.append(h)
        return torch.stack(outputs, 1), h.unsqueeze(0)


class ResetBeforeGRU(RecurrentLayer):
    r"""Gated recurrent unit whose reset gate acts before the matrix product.

    .. math::

        r_t &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) \\
        z_t &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        n_t &= \tanh(W_{in} x_t + b_{in} + W_{hn} (r_t \odot h_{t-1}) + b_{hn}) \\
        h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    It differs from :class:`GRU` in :math:`n_t`, where the reset gate scales the state
    and not the product. This is the published equation [1]_, and that of most
    textbooks.

    Parameters
    ----------
    input_size : int
        Number of features of a step.
    hidden_size : int
        Number of units.

    Notes
    -----
    Other names: ``reset_after=False`` in Keras, ``linear_before_reset=0`` in ONNX. The
    first version of the paper on arXiv has the equation of :class:`GRU`; the third
    version, of the conference, has this one.

    References
    ----------
    .. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
       statistical machine translation", EMNLP 2014, arXiv:1406.1078v3.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import ResetBeforeGRU, initialize
    >>> layer = initialize(ResetBeforeGRU(3, 5), torch.Generator().manual_seed(0))
    >>> outputs, state = layer(torch.ones(2, 4, 3), torch.tensor([4, 1]))
    >>> outputs.shape, state.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 5]))
    """

    torch_class = _ResetBefore

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)

    def _forward_packed(
        self, x: Tensor, lengths: Tensor, state: Any
    ) -> tuple[Tensor, Any]:
        return self._forward_padded(x, lengths, state)  # cuDNN has no such layer

    def _cell(self, *args: Any) -> Tensor:
        return _run_step(*args)


def _run_step(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> Tensor:
    n_gates = 2 * h.shape[1]  # numbers of r and z
    given = linear(x, w_ih, b_ih)
    gates = given[:, :n_gates] + linear(h, w_hh[:n_gates], b_hh[:n_gates])
    r, z = torch.sigmoid(gates).chunk(2, dim=1)
    n = torch.tanh(given[:, n_gates:] + linear(r * h, w_hh[n_gates:], b_hh[n_gates:]))
    return n + z * (h - n)
