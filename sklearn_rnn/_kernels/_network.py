"""A whole network without gradients, in one call: weights are packed once.

The machine code is that of the single layers, so the results are the same, to the last
bit.
"""

import ctypes
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from sklearn_rnn._kernels._autograd import find_sizes, pack_layer
from sklearn_rnn._kernels._constants import (
    BLOCK,
    CELLS,
    LINKS,
    N_SIZES,
    N_WEIGHTS,
    WIDTH,
)
from sklearn_rnn._kernels._convolution import Convolution, pack_convolution
from sklearn_rnn._kernels._library import get_library
from sklearn_rnn._kernels._random_convolutions import PackedKernels
from sklearn_rnn._kernels._rows import pack_linear
from sklearn_rnn._kernels._tensors import check_sequences, empty, read
from sklearn_rnn._kernels._threads import (
    count_parts,
    run_in_threads,
    threads_for_kernels,
)

_CHUNK = 64  # as in _numba/_convolution.py
_WORK_OF_HALVING = 25  # multiplications that take as long: a step of a search


class PackedLink(NamedTuple):
    """A link as the kernel `run_network` reads it.

    Parameters
    ----------
    kind : str
        One of `LINKS`.
    sizes : tuple of int
        Seven at most, see the functions of this file.
    weights : tuple of Tensor
        Three at most.
    n_inputs : int
        Inputs of a step.
    width : int
        Outputs of a step.
    work : int
        Multiplications of a step.
    memory : tuple of int
        Numbers of float32 that the link needs besides: for any batch, for each of its
        rows, for each step of the longest row, and for each step of all rows.
    """

    kind: str
    sizes: tuple[int, ...]
    weights: tuple[Tensor, ...]
    n_inputs: int
    width: int
    work: int = 0
    memory: tuple[int, int, int, int] = (0, 0, 0, 0)


def standardize(mean: Tensor, scale: Tensor) -> PackedLink:
    """Return the link that sets x to (x - mean) / scale."""
    weights = tuple(read("standardize", {}, {"mean": mean, "scale": scale}))
    n = len(mean)
    memory = 2 * n * WIDTH, 0, 0, 0
    return PackedLink("standardize", (n,), weights, n, n, memory=memory)


def embed(table: Tensor) -> PackedLink:
    """Return the link that replaces numbers of rows by rows of a table."""
    (table,) = read("steps", {}, {"table": table.detach()})
    n_tokens, size = table.shape
    return PackedLink("embed", (size, n_tokens), (table,), 1, size)


def read_columns(
    numbers: Sequence[int],
    mean: Tensor,
    scale: Tensor,
    embeddings: Sequence[tuple[int, Tensor]],
) -> PackedLink:
    """Return the link that standardises some columns and embeds the others.

    Parameters
    ----------
    numbers : sequence of int
        Columns of numbers. All columns are given once, here or as `embeddings`.
    mean, scale : Tensor of shape (len(numbers),)
    embeddings : sequence of (int, Tensor of shape (n_tokens, size))
        A column of tokens, and its table.
    """
    given = {"mean": mean, "scale": scale}
    moments = read("standardize", {"features": len(numbers)}, given)
    tables = [read("steps", {}, {"table": t.detach()})[0] for _, t in embeddings]
    plan, begin = list(numbers), 0
    for (column, _), table in zip(embeddings, tables, strict=True):
        plan += [column, *table.shape, begin]
        begin += table.numel()
    n_columns = len(numbers) + len(tables)
    width = len(numbers) + sum(table.shape[1] for table in tables)
    return PackedLink(
        "read_columns",
        (n_columns, len(numbers), width),
        (
            torch.tensor(plan, dtype=torch.int64, device="cpu"),
            torch.cat(moments),
            torch.cat([table.reshape(-1) for table in tables]),
        ),
        n_columns,
        width,
    )


def convolve(convolutions: Sequence[Convolution]) -> list[PackedLink]:
    """Return the links of convolutions side by side, with their normalisations.

    See `_convolution`. They read the same steps, with the same stride.
    """
    widths = [convolution.weight.shape[0] for convolution in convolutions]
    columns = [sum(widths[:k]) for k in range(len(widths))]
    links = [
        _convolve(convolution, column, sum(widths))
        for convolution, column in zip(convolutions, columns, strict=True)
    ]
    # all but the last leave the steps as they are
    return [*(link._replace(width=link.n_inputs) for link in links[:-1]), links[-1]]


def _convolve(convolution: Convolution, column: int, width: int) -> PackedLink:
    """Return the link that writes the outputs from this column on."""
    sizes, packed, parameters = pack_convolution(convolution)
    channels, gap, wide = sizes.channels, sizes.kernel_size // 2, sizes.wide
    constant = _CHUNK * (2 * wide + 1) + gap * channels
    of_row, of_step = gap * channels + 2, channels + 2
    if sizes.n_out < width:
        constant, of_row, of_step = constant + 1, of_row + 2, of_step + sizes.n_out
    return PackedLink(
        "convolve",
        (
            channels,
            sizes.n_out,
            sizes.kernel_size,
            sizes.stride,
            int(sizes.is_normalized),
            column,
            width,
        ),
        (packed, parameters),
        channels,
        width,
        sizes.n_inputs * sizes.n_out,
        (constant, of_row, 0, of_step),
    )


def recur(
    mode: str, weights: Sequence[Sequence[Tensor]], *, only_last: bool
) -> PackedLink:
    """Return the link of a recurrent layer in one or both directions.

    Parameters
    ----------
    mode : {"rnn_tanh", "rnn_relu", "gru", "lstm", "gru_reset_before"}
        Mode of torch's module, in lower case.
    weights : sequence of sequence of Tensor
        w_ih, w_hh, b_ih, b_hh of each direction.
    only_last : bool
        Whether the link returns the last output of each direction only.
    """
    hidden, n_features = weights[0][1].shape[1], weights[0][0].shape[1]
    sizes = find_sizes(mode, n_features, hidden)
    packed = tuple(pack_layer(sizes, own) for own in weights)
    n_directions = len(weights)
    return PackedLink(
        "recur",
        (sizes.cell, n_features, hidden, n_directions, int(only_last)),
        packed,
        n_features,
        n_directions * hidden,
        sum(w[0].numel() + w[1].numel() for w in weights),
        (12, sizes.block + sizes.states + 6, 4, 0),
    )


def pool(size: int, *, with_mean: bool, with_max: bool) -> PackedLink:
    """Return the link of a pooling by the mean, the maximum or both."""
    width = (with_mean + with_max) * size
    sizes = size, int(with_mean), int(with_max)
    return PackedLink("pool", sizes, (), size, width, memory=(2 * size, 0, 0, 0))


def attend(weight: Tensor, bias: Tensor, score: Tensor) -> PackedLink:
    """Return the link of a pooling by attention.

    Parameters
    ----------
    weight : Tensor of shape (n_hidden, size)
    bias : Tensor of shape (n_hidden,)
    score : Tensor of shape (1, n_hidden)
    """
    given = {"weight": weight, "bias": bias, "score": score}
    given = {name: tensor.detach() for name, tensor in given.items()}
    weight, bias, score = read("scores", {"one": 1}, given)
    n_hidden, size = weight.shape
    gap = -n_hidden % WIDTH  # of zeros: the score of a step is a sum of whole vectors
    weight, bias = pack_linear(pad(weight, (0, 0, 0, gap)), pad(bias, (0, gap)))
    wide = n_hidden + gap
    return PackedLink(
        "attend",
        (size, wide),
        (weight, bias, pad(score, (0, gap))),
        size,
        size,
        size * wide,
        (2 * size + 2 * BLOCK * wide, 0, 1, 0),
    )


def pool_beside(pooling: PackedLink, links: Sequence[PackedLink]) -> list[PackedLink]:
    """Return links whose outputs are followed by a pooling of their inputs.

    Parameters
    ----------
    pooling : PackedLink
        As `pool` returns it.
    links : sequence of PackedLink
        Their outputs are one vector of each row, and none of them is a `pool_beside`.
    """
    n_aside, size = pooling.width, links[-1].width
    memory = pooling.memory[0], n_aside + 1, 0, 0
    aside = pooling._replace(kind="pool_aside", width=pooling.n_inputs, memory=memory)
    both = PackedLink("append", (size, n_aside), (), size, size + n_aside)
    return [aside, *links, both]


def flatten(size: int) -> PackedLink:
    """Return the link that puts the valid steps of all rows end to end."""
    return PackedLink("flatten", (size,), (), size, size)


def multiply(weight: Tensor, bias: Tensor) -> PackedLink:
    """Return the link of a linear layer."""
    n_out, n_in = weight.shape
    weights = pack_linear(weight.detach(), bias.detach())
    wide = 0 if n_out < WIDTH else -(-n_out // WIDTH) * WIDTH
    memory = 0, 0, 0, wide
    sizes, work = (n_in, n_out), n_in * n_out
    return PackedLink("multiply", sizes, weights, n_in, n_out, work, memory)


def convolve_randomly(
    packed: PackedKernels,
    moments: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor,
    last: Sequence[Tensor] = (),
) -> PackedLink:
    """Return the last link of a branch: random convolutions and a linear layer.

    Parameters
    ----------
    packed : PackedKernels
    moments : sequence of Tensor
        Mean and deviation of each output of the convolutions; what is added below the
        roots, the distance of the thresholds, and the shares of the network and of the
        branch in the mean.
    weight : Tensor of shape (n_outputs, n_last + 2 * n_kernels)
    bias : Tensor of shape (n_outputs,)
    last : sequence of Tensor, default=()
        Mean, deviation and bound of each of the `n_last` numbers of the mean and the
        last steps, and the least and the greatest value of each output. Empty: the
        linear layer reads no steps, and its outputs have no limits.
    """
    n_channels, _, n_listed, margin = packed.sizes
    n_out, n_features = len(bias), weight.shape[1]
    weight, bias = pack_linear(weight.detach(), bias.detach())
    parts = packed.numbers, *moments, *last, bias, weight
    numbers = torch.cat([t.reshape(-1) for t in parts])
    constant, per_step = packed.count_memory()
    per_row = n_features + 2 * -(-n_out // WIDTH) * WIDTH
    n_last = len(last[0]) if last else 0
    return PackedLink(
        "convolve_randomly",
        (n_channels, n_features, n_out, n_listed, margin, n_last),
        (packed.table, numbers),
        n_channels,
        n_out,
        packed.work,
        (constant + 2, per_row, per_step, 0),
    )


def add_ngrams(
    n_tokens: int, longest: int, keys: Tensor, table: Tensor, bias: Tensor,
    network_share: Tensor,
) -> PackedLink:  # fmt: skip
    """Return the only link of a branch of n-grams, see `nn/_ngrams.py`.

    Parameters
    ----------
    n_tokens, longest : int
        Numbers of different tokens, and of those in the longest n-grams.
    keys : Tensor of int64 of shape (n_ngrams + 1,)
    table : Tensor of shape (n_ngrams + 1, 1 + n_outputs)
    bias : Tensor of shape (n_outputs,)
    network_share : Tensor of shape ()
    """
    n_out = len(bias)
    given = {"keys": keys, "table": table, "bias": bias, "network_share": network_share}
    keys, table, bias, share = read("ngrams", {"1 + outputs": 1 + n_out}, given)
    numbers = torch.cat([torch.stack([share, 1 - share]), bias])
    work = longest * (_WORK_OF_HALVING * len(keys).bit_length() + n_out)
    return PackedLink(
        "add_ngrams",
        (n_tokens, longest, n_out, len(keys)),
        (keys, table, numbers),
        1,
        n_out,
        work,
        (12 + 1 + n_out, n_out, 6, 0),
    )


def _list_columns_of_tokens(link: PackedLink) -> list[tuple[int, int]]:
    """Return the columns that a first link embeds, and the rows of their tables."""
    if link.kind == "embed":
        return [(0, link.sizes[1])]
    if link.kind == "read_columns":
        plan = link.weights[0][link.sizes[1] :].reshape(-1, 4).tolist()
        return [(column, n_tokens) for column, n_tokens, *_ in plan]
    return []


def are_joined(links: Sequence[PackedLink]) -> bool:
    """Whether each link has as many outputs as the next one has inputs."""
    return all(a.width == b.n_inputs for a, b in pairwise(links))


class PackedNetwork:
    """A network that reads sequences by one call of the machine code.

    Parameters
    ----------
    links : sequence of PackedLink
        From the steps of sequences to the outputs: the first one standardises or
        embeds, the last one multiplies, and they `are_joined`.
    branches : sequence of PackedLink, default=()
        From the same steps to other outputs, one branch after the other: its last link
        convolves randomly or adds n-grams. The output is the weighted mean of all.
    """

    def __init__(
        self, links: Sequence[PackedLink], branches: Sequence[PackedLink] = ()
    ) -> None:
        self.links = links = [*links, *branches]
        self.n_outputs = links[-1].width
        self.per_step = any(link.kind == "flatten" for link in links)
        self._tokens = _list_columns_of_tokens(links[0])
        embeds = links[0].kind == "embed"
        self.dtype = np.dtype(np.int64 if embeds else np.float32)
        # the first of convolutions side by side begins at column 0
        stems = [link for link in links if link.kind == "convolve"]
        self._strides = [link.sizes[3] for link in stems if link.sizes[5] == 0]
        self._work = sum(link.work for link in links)
        self.width = max(link.width for link in links)
        memories = [link.memory for link in links]
        self._memory = [max(numbers) for numbers in zip(*memories, strict=True)]
        aside = [link.memory for link in links if link.kind == "pool_aside"]
        self._memory[1] += sum(per_row for _, per_row, *_ in aside)  # it stays
        self._sizes = np.zeros((len(links), N_SIZES), np.int64)
        self._weights = np.zeros((len(links), N_WEIGHTS), np.int64)
        for k, link in enumerate(self.links):
            self._sizes[k, 0] = LINKS.index(link.kind)
            self._sizes[k, 1 : 1 + len(link.sizes)] = link.sizes
            for i, weight in enumerate(link.weights):
                self._weights[k, i] = weight.data_ptr()
        self.addresses = self._sizes.ctypes.data, self._weights.ctypes.data

    def list_weights(self) -> set[int]:
        """Return the addresses of the weights, packed or as they are."""
        return {weight.data_ptr() for link in self.links for weight in link.weights}

    def run(
        self,
        values: NDArray[Any],
        offsets: NDArray[np.int64],
        rows: NDArray[np.intp],
    ) -> list[tuple[NDArray[np.intp], NDArray[np.float32]]]:
        """Return the outputs of some sequences, in parts: a thread computes each.

        Parameters
        ----------
        values : ndarray of shape (n_total_steps, n_features)
            All sequences, end to end; float32, or int64 if the network embeds.
        offsets : ndarray of shape (n_samples + 1,)
            First step of each sequence in `values`, and the end.
        rows : ndarray of shape (batch,)
            Sequences to be read; none is empty.

        Returns
        -------
        parts : list of (rows, outputs)
            A row of the outputs is a sequence, or, if the network predicts at each
            step, a step.
        """
        if len(rows) == 1 and len(offsets) == 2:
            return [(rows, self._run_one(values))]
        lengths = offsets[rows + 1] - offsets[rows]
        self._check(values, offsets, rows, lengths)
        work = int(lengths.sum()) * self._work
        n_parts = count_parts(len(rows), work)
        parts, jobs, memory = [], [], []
        addresses = *self.addresses, _address(values), _address(offsets)
        for k in range(n_parts):
            own = np.ascontiguousarray(rows[k::n_parts])
            own_lengths = lengths[k::n_parts]
            n_steps = int(own_lengths.max())
            n_out = self._count_outputs(own_lengths)
            out = np.empty((n_out, self.n_outputs), np.float32)
            block = empty(self.count_memory(len(own), n_steps))
            sizes = len(self.links), len(own), n_steps, self.width
            places = _address(own), block.data_ptr(), _address(out)
            jobs.append((*sizes, *addresses, *places))
            parts.append((own, out))
            memory.append(block)
        kept = self, values, offsets, parts, memory
        with nullcontext() if n_parts == 1 else threads_for_kernels():
            run_in_threads(get_library("prediction").run_network, jobs, kept)
        return parts

    def _run_one(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return the outputs of the only sequence."""
        self._check_values(values)
        n_steps = len(values)
        n_out = self._count_outputs(np.array([n_steps]))
        out = np.empty((n_out, self.n_outputs), np.float32)
        numbers = (ctypes.c_int64 * 3)(0, n_steps, 0)  # offsets, then rows
        begin = ctypes.addressof(numbers)
        block = empty(self.count_memory(1, n_steps))
        places = _address(values), begin, begin + 16, block.data_ptr(), _address(out)
        sizes = len(self.links), 1, n_steps, self.width
        get_library("prediction").run_network(*sizes, *self.addresses, *places)
        return out

    def _count_outputs(self, lengths: NDArray[np.int64]) -> int:
        """Return how many rows the outputs of sequences have."""
        if not self.per_step:
            return len(lengths)
        for stride in self._strides:
            lengths = -(-lengths // stride)
        return int(lengths.sum())

    def count_memory(self, batch: int, n_steps: int) -> int:
        """Return how many numbers of float32 the kernel needs for a batch."""
        constant, per_row, per_step, each = self._memory
        n = batch * n_steps
        return (
            2 * batch + 2 * n * self.width + 2
            + constant + batch * per_row + n_steps * per_step + n * each
        )  # fmt: skip

    def _check(
        self,
        values: NDArray,
        offsets: NDArray[np.int64],
        rows: NDArray[np.intp],
        lengths: NDArray[np.int64],
    ) -> None:
        check_sequences(values, offsets, rows, int(lengths.max()), self.dtype)
        self._check_values(values)

    def _check_values(self, values: NDArray[Any]) -> None:
        n_features, dtype = self.links[0].n_inputs, self.dtype
        if (
            values.shape[1:] != (n_features,)
            or values.dtype != dtype
            or not values.flags.c_contiguous
        ):
            raise ValueError(
                f"values must be a contiguous array of {dtype} of the shape (steps, "
                f"{n_features}). Got the shape {values.shape}, as {values.dtype}."
            )
        for column, n_tokens in self._tokens:
            tokens = values[:, column]
            first, last = tokens.min(), tokens.max()
            if not 0 <= first <= last < n_tokens:
                raise ValueError(
                    f"values must be from 0 to {n_tokens - 1}. Got {first} to {last}."
                )


class NetworkStep:
    """One step of some streams: memory and arguments are made once.

    Parameters
    ----------
    network : PackedNetwork
        It standardises, and reads its sequences in one direction, without convolutions.
    n_streams : int

    Attributes
    ----------
    x : ndarray of shape (n_streams, n_features)
        float64: the step that is read next.
    n_steps : ndarray of shape (n_streams,)
        Steps so far.
    layers : list of ndarray of shape (n_streams, n_states)
        State of each layer; h and c of an LSTM side by side.
    pools : dict of str to ndarray of shape (n_streams, size)
        The "total" of all states, float64, and the "highest" ones, if they are pooled.
    outputs, doubles : ndarray of shape (n_streams, n_outputs)
        Outputs after the last step, float32 and float64.
    """

    def __init__(self, network: PackedNetwork, n_streams: int) -> None:
        shape = n_streams, network.n_outputs
        self.x = np.zeros((n_streams, network.links[0].width))
        self.outputs, self.doubles = np.zeros(shape, np.float32), np.zeros(shape)
        self._allocate_state(network.links, n_streams)
        n_memory = len(self._state) * 2 + self.x.size + self.outputs.size + 2
        n_memory += network.count_memory(n_streams, 1)
        memory, offsets = np.zeros(n_memory // 2 + 1), np.arange(n_streams + 1)
        self._done = ctypes.c_int64()
        sizes = (
            len(network.links), n_streams, network.width, self.x.shape[1],
            network.n_outputs, 2 * len(self._state),
        )  # fmt: skip
        arrays = (
            self.x, offsets, memory, self._state, self.outputs, self.doubles,
        )  # fmt: skip
        places = *network.addresses, *map(_address, arrays)
        done = ctypes.addressof(self._done)
        self._kept = network, memory, offsets
        # ctypes takes objects of its own twice as fast as int
        arguments = map(ctypes.c_int64, (*sizes, *places, done))
        self._call = partial(get_library("prediction").step_network, *arguments)

    def _allocate_state(self, links: Sequence[PackedLink], n_streams: int) -> None:
        """Allocate a block of whole doubles, as the kernel reads it, and its views."""
        n_doubles, layers, pools = n_streams, [], {}
        for link in links:
            if link.kind == "recur":
                cell, _, hidden, *_ = link.sizes
                n = n_streams * (2 if CELLS[cell] == "lstm" else 1) * hidden
                layers.append((n_doubles, n))
                n_doubles += -(-n // 2)
            elif link.kind == "pool":
                n = n_streams * link.sizes[0]
                if link.sizes[1]:
                    pools["total"] = n_doubles, n
                    n_doubles += n
                if link.sizes[2]:
                    pools["highest"] = n_doubles, n
                    n_doubles += -(-n // 2)
        self._state = state = np.zeros(n_doubles)

        def view(begin: int, n: int, dtype: Any) -> NDArray[Any]:
            return state[begin:].view(dtype)[:n].reshape(n_streams, -1)

        self.n_steps = view(0, n_streams, np.int64).reshape(-1)
        self.layers = [view(*place, np.float32) for place in layers]
        dtypes = {"total": np.float64, "highest": np.float32}
        self.pools = {name: view(*place, dtypes[name]) for name, place in pools.items()}
        if "highest" in self.pools:
            self.pools["highest"].fill(-np.inf)

    def __call__(self) -> bool:
        """Read `x`; return False, and change nothing, if a number is not finite."""
        self._call()
        return bool(self._done.value)


def differ(n: int, weights: int, copies: int, sizes: int) -> bool:
    """Whether a bit of some tensors differs from their copies.

    Parameters
    ----------
    n : int
        How many tensors there are.
    weights, copies, sizes : int
        Addresses of their addresses, of those of the copies, and of their sizes.
    """
    result = ctypes.c_int64()
    get_library("prediction").differ(
        n, weights, copies, sizes, ctypes.addressof(result)
    )
    return bool(result.value)


def _address(array: NDArray[Any]) -> int:
    return array.__array_interface__["data"][0]
