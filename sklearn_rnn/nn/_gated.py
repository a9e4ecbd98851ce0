"""Elman, GRU and LSTM layers: one layer, one direction, on torch's recurrent modules.

The contract of every layer, built-in or custom::

    outputs, state = layer(x, lengths, state=None)
    output, state = layer.step(x_t, state=None)

Padded positions of ``outputs`` are zeros; ``state`` is each row's own last state.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sklearn_rnn._kernels._tensors import read_lengths
from sklearn_rnn.nn._config import get_kernels, uses_kernels
from sklearn_rnn.nn._initialization import make_empty
from sklearn_rnn.nn._masking import gather_last, padding_mask, reverse_steps

State = Tensor | tuple[Tensor, Tensor]
_GLOBAL_HOOKS = tuple(
    f"_global_{kind}_hooks"
    for kind in ("forward", "forward_pre", "backward", "backward_pre")
)


class RecurrentLayer(nn.Module):
    """One of torch's recurrent modules behind the contract of this file."""

    torch_class: ClassVar[Any]
    parameters_of_estimator: ClassVar[tuple[str, ...]] = ()  # arguments, beside sizes

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        # torch's initialisation would draw from the global generator
        self.rnn = make_empty(
            self.torch_class, input_size, hidden_size, batch_first=True, **options
        )

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        state: State | None = None,
        *,
        reverse: bool = False,
    ) -> tuple[Tensor, Any]:
        """Run over all steps.

        Parameters
        ----------
        x : Tensor of shape (batch, time, input_size)
            Sequences, padded at the end.
        lengths : Tensor of shape (batch,), default=None
            Number of valid steps of each row; None when no row has padding.
        state : Tensor or tuple of Tensor of shape (batch, hidden_size), default=None
            Initial state, as returned by an earlier call; zeros by default.
        reverse : bool, default=False
            Whether to read each row from its own last step to its first. The output
            of a step stays at its place; the final state is that of the first step.

        Returns
        -------
        outputs : Tensor of shape (batch, time, hidden_size)
            Zeros where the input is padding.
        state : Tensor or tuple of Tensor of shape (batch, hidden_size)
            The state after each row's own last step.
        """
        if suits_kernels([self], x, lengths):
            states = None if state is None else [state]
            outputs, finals = run_kernels([self], x, lengths, states, [reverse])
            return outputs, finals[0]
        if reverse:
            outputs, state = self.forward(reverse_steps(x, lengths), lengths, state)
            return reverse_steps(outputs, lengths), state
        if state is not None:
            state = _map_state(lambda s: s.unsqueeze(0), state)
        with _current_weights(self.rnn):
            return self._forward_by_torch(x, lengths, state)

    def _forward_by_torch(
        self, x: Tensor, lengths: Tensor | None, state: State | None
    ) -> tuple[Tensor, Any]:
        if lengths is None:
            outputs, state = self.rnn(x, state)
            return outputs, _map_state(lambda s: s.squeeze(0), state)
        if x.is_cuda:
            return self._forward_packed(x, lengths, state)
        return self._forward_padded(x, lengths, state)

    def _forward_packed(
        self, x: Tensor, lengths: Tensor, state: State | None
    ) -> tuple[Tensor, Any]:
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        packed, state = self.rnn(packed, state)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(
            packed, batch_first=True, total_length=x.shape[1]
        )
        return outputs, _map_state(lambda s: s.squeeze(0), state)

    def _forward_padded(
        self, x: Tensor, lengths: Tensor, state: State | None
    ) -> tuple[Tensor, Any]:
        # On the CPU a packed sequence costs 3 to 7 times a padded one. Padding comes
        # after the valid steps, so it cannot reach them.
        outputs, _ = self.rnn(x, state)
        # not a product: states of ReLU units may be infinite after the last step
        mask = padding_mask(lengths, x.shape[1]).unsqueeze(-1)
        outputs = outputs.masked_fill(~mask, 0)
        return outputs, gather_last(outputs, lengths)

    def step(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Run one step.

        Parameters
        ----------
        x_t : Tensor of shape (batch, input_size)
            Features of this step.
        state : Tensor or tuple of Tensor of shape (batch, hidden_size), default=None
            Initial state, as returned by an earlier call; zeros by default.

        Returns
        -------
        output : Tensor of shape (batch, hidden_size)
            The hidden state after this step.
        state : Tensor or tuple of Tensor of shape (batch, hidden_size)
            State before the next step.
        """
        if state is None:
            state = self.initial_state(x_t)
        state = self._cell(x_t, state, *self.weights)
        return (state[0] if isinstance(state, tuple) else state), state

    @property
    def weights(self) -> list[nn.Parameter]:
        """w_ih, w_hh, b_ih and b_hh, as torch has them."""
        return self.rnn.all_weights[0]

    def initial_state(self, x: Tensor) -> State:
        """Return the state before the first step: zeros.

        Parameters
        ----------
        x : Tensor of shape (batch, ...)
            Gives the number of rows, the type of number and the device.

        Returns
        -------
        state : Tensor of shape (batch, hidden_size)
            Zeros.
        """
        return x.new_zeros(x.shape[0], self.hidden_size)

    def _cell(self, *args: Any) -> Any:
        raise NotImplementedError


class Elman(RecurrentLayer):
    r"""Elman's simple recurrent network.

    .. math:: h_t = \phi(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})

    Parameters
    ----------
    input_size : int
        Number of features of a step.
    hidden_size : int
        Number of units.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        The function :math:`\phi`.

    References
    ----------
    J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import Elman, initialize
    >>> layer = initialize(Elman(3, 5), torch.Generator().manual_seed(0))
    >>> outputs, state = layer(torch.ones(2, 4, 3), torch.tensor([4, 1]))
    >>> outputs.shape, state.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 5]))
    """

    torch_class = nn.RNN
    parameters_of_estimator = ("nonlinearity",)

    def __init__(
        self, input_size: int, hidden_size: int, nonlinearity: str = "tanh"
    ) -> None:
        super().__init__(input_size, hidden_size, nonlinearity=nonlinearity)

    def _cell(self, *args: Any) -> Tensor:
        relu = self.rnn.nonlinearity == "relu"
        return (torch.rnn_relu_cell if relu else torch.rnn_tanh_cell)(*args)


class GRU(RecurrentLayer):
    r"""Gated recurrent unit.

    .. math::

        r_t &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) \\
        z_t &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        n_t &= \tanh(W_{in} x_t + b_{in} + r_t \odot (W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    Parameters
    ----------
    input_size : int
        Number of features of a step.
    hidden_size : int
        Number of units.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation", EMNLP 2014.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import GRU, initialize
    >>> layer = initialize(GRU(3, 5), torch.Generator().manual_seed(0))
    >>> output, state = layer.step(torch.ones(2, 3))
    >>> output.shape, state.shape
    (torch.Size([2, 5]), torch.Size([2, 5]))
    """

    torch_class = nn.GRU

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)

    def _cell(self, *args: Any) -> Tensor:
        return torch.gru_cell(*args)


class LSTM(RecurrentLayer):
    r"""Long short-term memory, with forget gate.

    .. math::

        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}) \\
        f_t &= \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}) \\
        o_t &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
        h_t &= o_t \odot \tanh(c_t)

    The state is the pair (h, c).

    Parameters
    ----------
    input_size : int
        Number of features of a step.
    hidden_size : int
        Number of units.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9,
    1997; F. Gers, J. Schmidhuber, F. Cummins, "Learning to forget: continual
    prediction with LSTM", Neural Computation 12, 2000.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import LSTM, initialize
    >>> layer = initialize(LSTM(3, 5), torch.Generator().manual_seed(0))
    >>> outputs, (h, c) = layer(torch.ones(2, 4, 3))
    >>> outputs.shape, h.shape, c.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 5]), torch.Size([2, 5]))
    """

    torch_class = nn.LSTM

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)

    def _forward_padded(
        self, x: Tensor, lengths: Tensor, state: State | None
    ) -> tuple[Tensor, Any]:
        hooked = None
        if has_hooks(self.rnn) or has_global_hooks():  # they act in a call alone
            hooked, _ = self.rnn(x, state)
        # torch returns the cell state of the last padded step only. One more input
        # feature, 1 at padded steps, drives their forget gate to exactly 1 and their
        # input gate to exactly 0, so that each row keeps its own last cell state.
        hidden = self.hidden_size
        mask = padding_mask(lengths, x.shape[1]).unsqueeze(-1)
        hold = x.new_zeros(4 * hidden, 1)
        hold[:hidden] = -1e4  # input gate
        hold[hidden : 2 * hidden] = 1e4  # forget gate
        w_ih, *others = self.weights
        weights: list[Any] = [torch.cat([w_ih, hold], dim=1), *others]
        held = torch.cat([x * mask, (~mask).to(x.dtype)], dim=-1)
        if not isinstance(state, tuple):
            zeros = x.new_zeros(1, x.shape[0], hidden)
            state = (zeros, zeros)
        outputs, _, cell = torch.lstm(
            held, state, weights, True, 1, 0.0, self.training, False, True
        )
        outputs = (outputs if hooked is None else hooked) * mask
        return outputs, (gather_last(outputs, lengths), cell.squeeze(0))

    def initial_state(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the state before the first step: zeros.

        Parameters
        ----------
        x : Tensor of shape (batch, ...)
            Gives the number of rows, the type of number and the device.

        Returns
        -------
        state : tuple of two Tensor of shape (batch, hidden_size)
            Zeros, h and c.
        """
        zeros = x.new_zeros(x.shape[0], self.hidden_size)
        return zeros, zeros

    def _cell(self, *args: Any) -> tuple[Tensor, Tensor]:
        return torch.lstm_cell(*args)


def suits_kernels(
    layers: Sequence[nn.Module], x: Tensor, lengths: Tensor | None
) -> bool:
    """Whether the package's kernels run these layers on x in one call."""
    if x.device.type != "cpu" or x.dtype != torch.float32 or not uses_kernels():
        return False
    if x.dim() != 3 or x.numel() == 0:
        return False
    if not all(has_kernel(layer) for layer in layers) or not are_alike(layers):
        return False
    training = torch.is_grad_enabled()  # else each row is to be exact
    return not (training and lengths is None and prefers_torch(layers[0]))


def has_own_forward(layer: nn.Module) -> bool:
    """Whether the layer uses the `forward` of this file, not an override."""
    return getattr(
        type(layer), "forward", None
    ) is RecurrentLayer.forward and "forward" not in vars(layer)


def has_kernel(layer: Any) -> bool:
    """Whether kernels support the layer, including its hooks and weights.

    Parametrisations act in the kernels, which read the weights by their names; hooks,
    and what torch.nn.utils.prune does in hooks, act in torch's layers alone.
    """
    if not has_own_forward(layer):
        return False
    rnn = layer.rnn
    return (
        type(rnn).forward is layer.torch_class.forward
        and rnn.num_layers == 1
        and rnn.bias
        and rnn.batch_first
        and not rnn.bidirectional
        and not rnn.proj_size
        and not has_hooks(rnn)
        and not has_global_hooks()
    )


def are_alike(layers: Sequence[Any]) -> bool:
    """Whether all directions have one class and size, as the kernels require."""
    first = layers[0]
    return all(
        other.rnn.mode == first.rnn.mode and other.hidden_size == first.hidden_size
        for other in layers[1:]
    )


def has_hooks(module: nn.Module) -> bool:
    """Whether the module has hooks or a replaced `forward`."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in vars(module)
    )


def has_global_hooks() -> bool:
    """Whether global module hooks exist; True if this torch stores them elsewhere."""
    place = vars(nn.modules.module)
    return any(place.get(name, True) for name in _GLOBAL_HOOKS)


def prefers_torch(layer: Any) -> bool:
    """Whether torch's layer trains faster than the kernels, on equal lengths.

    A measured rule, see docs/benchmarks.rst: oneDNN's LSTM, from 385 units on.
    """
    return (
        isinstance(layer, LSTM) and layer.hidden_size > 384 and get_kernels() == "auto"
    )


@contextmanager
def threads_for(module: nn.Module, *, equal_lengths: bool = False) -> Iterator[None]:
    """Give torch's threads to the kernels in a block, if the module uses kernels.

    The number of threads is `torch.get_num_threads()`; it is restored afterwards.

    Parameters
    ----------
    module : torch.nn.Module
        Module that trains or predicts in the block.
    equal_lengths : bool, default=False
        Whether it is trained on sequences that are all equally long.
    """
    if not uses_kernels():
        yield
        return
    from sklearn_rnn._kernels._threads import has_threads, threads_for_kernels

    runs_kernels = not has_threads() and any(
        isinstance(child, RecurrentLayer)
        and not (equal_lengths and prefers_torch(child))
        and not child.weights[0].is_cuda
        for child in module.modules()
    )
    if not runs_kernels:
        yield
        return
    with threads_for_kernels():
        yield


def run_kernels(
    layers: Sequence[Any],
    x: Tensor,
    lengths: Tensor | None,
    states: Sequence[Any] | None,
    directions: Sequence[bool],
    *,
    only_last: bool = False,
    tokens: Tensor | None = None,
) -> tuple[Tensor, list[Any]]:
    """Run the package's kernels: one layer in one or both directions.

    Parameters
    ----------
    layers : sequence of RecurrentLayer
        One of the same class and size for each direction.
    x : Tensor of shape (batch, time, input_size)
    lengths : Tensor of shape (batch,) or None
    states : sequence of Tensor or tuple of Tensor, or None
        Initial state of each direction; None: zeros.
    directions : sequence of bool
        For each direction, whether it reads from the end to the start.
    only_last : bool, default=False
        Whether only the last states are needed.
    tokens : Tensor of shape (batch, time), default=None
        Rows of x that are the inputs; x is a table then, and no gradient is needed.

    Returns
    -------
    outputs : Tensor of shape (batch, time, n_directions * hidden_size)
        Empty if only the last states are needed.
    states : list of Tensor or tuple of Tensor
        The last state of each direction.
    """
    from sklearn_rnn._kernels._autograd import run_layer  # imports llvmlite

    states = states or []
    keep = torch.is_grad_enabled()
    plan = make_plan(layers, lengths, directions, only_last=only_last, keep=keep)
    pairs = isinstance(layers[0], LSTM)
    starts = [torch.cat(state, dim=1) if pairs else state for state in states]
    weights = [w for layer in layers for w in layer.weights]
    outputs, finals = run_layer(plan, x, starts, weights, tokens)
    return outputs, [f.chunk(2, dim=1) if pairs else f for f in finals]


def make_plan(
    layers: Sequence[Any],
    lengths: Tensor | None,
    directions: Sequence[bool],
    *,
    only_last: bool,
    keep: bool,
) -> Any:
    """Return the `Plan` of the kernels for a layer in one or both directions."""
    from sklearn_rnn._kernels._autograd import Plan  # imports llvmlite

    steps = None if lengths is None else read_lengths(lengths)
    mode, hidden_size = layers[0].rnn.mode.lower(), layers[0].hidden_size
    return Plan(mode, steps, tuple(directions), only_last, keep, hidden_size)


@contextmanager
def _current_weights(rnn: Any) -> Iterator[None]:
    """Pass parametrised weights to torch's module, which caches a list of weights."""
    if not nn.utils.parametrize.is_parametrized(rnn):
        yield
        return
    before = rnn._flat_weights
    rnn._flat_weights = [w for weights in rnn.all_weights for w in weights]
    try:
        yield
    finally:
        rnn._flat_weights = before


def _map_state(function: Any, state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(function(s) for s in state)
    return function(state)
