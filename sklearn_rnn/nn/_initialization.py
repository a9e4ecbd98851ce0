"""Weight initialization from a given generator."""

from typing import Any, TypeVar

import torch
from torch import nn

from sklearn_rnn._kernels._threads import threads_for_kernels

Module = TypeVar("Module", bound=nn.Module)


def make_empty(module_class: type[Module], *args: Any, **options: Any) -> Module:
    """Return a new module on the CPU whose weights are memory, without any numbers.

    As `torch.nn.utils.skip_init`, in a third of the time, and for all classes whose
    numbers are drawn by `reset_parameters`.
    """
    module = module_class.__new__(module_class)
    vars(module)["reset_parameters"] = lambda: None
    module.__init__(*args, device="cpu", **options)  # type: ignore[misc]
    del vars(module)["reset_parameters"]
    return module


@torch.no_grad()
def initialize(module: Module, generator: torch.Generator) -> Module:
    """Initialize every supported layer of the module.

    - Recurrent layers: orthogonal recurrent weights, gate by gate [1]_, so that
      a state neither grows nor fades at first; Glorot-uniform input weights [2]_;
      biases zero, but the forget gate of an LSTM starts at 1 [3]_: open.
    - Linear: Glorot-uniform; convolution: He-normal [4]_; biases zero.
    - Embedding: standard normal; the row for unknown tokens is zero.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    generator : torch.Generator
        Source of random numbers; on the CPU.

    Returns
    -------
    module : torch.nn.Module
        The same module.

    References
    ----------
    .. [1] A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear
       dynamics of learning in deep linear neural networks", ICLR 2014.
    .. [2] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS 2010.
    .. [3] R. Jozefowicz, W. Zaremba, I. Sutskever, "An empirical exploration of
       recurrent network architectures", ICML 2015.
    .. [4] K. He et al., "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import LSTM, initialize
    >>> layer = initialize(LSTM(1, 2), torch.Generator().manual_seed(0))
    >>> layer.rnn.bias_ih_l0  # input, forget, cell and output gate, 2 units each
    Parameter containing:
    tensor([0., 0., 1., 1., 0., 0., 0., 0.], requires_grad=True)
    """
    # with two threads torch is a hundred times slower on a small orthogonal matrix
    with threads_for_kernels():
        for child in module.modules():
            _initialize_layer(child, generator)
    return module


@torch.no_grad()
def shrink_embeddings(module: Module) -> Module:
    """Scale the vectors of all embeddings to a length of about 1.

    Long vectors of rare words change little, and are learned by heart.

    Parameters
    ----------
    module : torch.nn.Module
        As `initialize` returns it; changed in place.

    Returns
    -------
    module : torch.nn.Module
        The same module.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import TokenEmbedding, initialize, shrink_embeddings
    >>> inputs = TokenEmbedding(n_tokens=100, embedding_dim=64)
    >>> inputs = initialize(inputs, torch.Generator().manual_seed(0))
    >>> inputs = shrink_embeddings(inputs)
    >>> bool(0.9 < inputs.table.weight[1:].norm(dim=1).mean() < 1.1)
    True
    """
    for child in module.modules():
        if isinstance(child, nn.Embedding):
            child.weight /= child.embedding_dim**0.5
    return module


def _initialize_layer(child: nn.Module, generator: torch.Generator) -> None:
    if isinstance(child, nn.RNNBase):
        _initialize_recurrent(child, generator)
    elif isinstance(child, nn.Linear):
        nn.init.xavier_uniform_(child.weight, generator=generator)
        if child.bias is not None:
            child.bias.zero_()
    elif isinstance(child, nn.Conv1d):
        nn.init.kaiming_normal_(child.weight, nonlinearity="relu", generator=generator)
        if child.bias is not None:
            child.bias.zero_()
    elif isinstance(child, nn.Embedding):
        child.weight.normal_(generator=generator)
        child.weight[0] = 0


def _initialize_recurrent(rnn: nn.RNNBase, generator: torch.Generator) -> None:
    for name, parameter in rnn.named_parameters():
        gates = parameter.split(rnn.hidden_size)  # (hidden, input or hidden) each
        if name.startswith("weight_hh"):
            for gate in gates:
                nn.init.orthogonal_(gate, generator=generator)
        elif name.startswith("weight_ih"):
            for gate in gates:
                nn.init.xavier_uniform_(gate, generator=generator)
        else:
            parameter.zero_()
            if isinstance(rnn, nn.LSTM) and name.startswith("bias_ih"):
                gates[1].fill_(1.0)  # order of the gates: input, forget, cell, output
