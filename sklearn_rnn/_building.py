"""Construction of a network from the parameters of an estimator."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_rnn import nn
from sklearn_rnn._block_data import BlockData
from sklearn_rnn._sequences import RaggedArray, Vocabulary, moments_of_parts
from sklearn_rnn._training import Adam, AdamW, SequenceNet, check_callbacks
from sklearn_rnn._training_data import TrainingData
from sklearn_rnn.nn import CELLS
from sklearn_rnn.utils import warn_once_in_search

_EMBEDDING_SIZE = 32  # maximum for embedding_dim="auto"
_WORD_SIZE = 64  # of a word's characters for embedding_dim="auto"
OPTIMIZERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "adam": (Adam, {"fused": True}),
    "adamw": (AdamW, {"fused": True, "weight_decay": 0.0}),  # torch has 0.01
    "sgd": (torch.optim.SGD, {"momentum": 0.9}),
    "rmsprop": (torch.optim.RMSprop, {}),
}
_LARGEST_OFFSET = 1e20  # that is an oversight: nanoseconds since 1970 are 1e18
_N_LAST, _MOST_NUMBERS = 24, 2000  # last steps beside random kernels, for numbers
_MOST_DEVIATIONS = 4.0  # for classes: one wrong value is not to decide
_LARGEST_STRIDE = 2**31 - 1  # limit of torch; no sequence is as long


def make_standardize(
    train: TrainingData | BlockData, columns: Sequence[int] | None = None
) -> nn.Standardize:
    """Return the layer that standardises features as they are in the training set.

    Parameters
    ----------
    train : TrainingData or BlockData
        Training set.
    columns : sequence of int, default=None
        Which features. None: all.
    """
    mean, std = moments_of_parts(_Columns(train, columns))
    _warn_of_rounding(mean, std, columns)
    return nn.Standardize(torch.tensor(mean).float(), torch.tensor(std).float())


def _warn_of_rounding(
    mean: NDArray[np.float64], std: NDArray[np.float64], columns: Sequence[int] | None
) -> None:
    """Warn of features whose steps differ by little more than float32 can tell."""
    unit = np.spacing(np.abs(mean).astype(np.float32)).astype(np.float64)
    differs = np.where(std == 1, 10, std)  # 1 is also that of a constant
    (coarse,) = np.nonzero((unit > 0.1 * differs) & (np.abs(mean) < _LARGEST_OFFSET))
    if len(coarse):
        j = coarse[0]
        warn_once_in_search(
            f"Feature {j if columns is None else columns[j]} of X has values near "
            f"{mean[j]:.3g}, which float32 rounds to multiples of {unit[j]:.3g}: what "
            "differs between them may be lost. Subtract an offset first, for instance "
            "by Stepwise(StandardScaler()) in a pipeline.",
            UserWarning,
            kind="rounding",
            stacklevel=8,
        )


@dataclass(frozen=True)
class _Columns:
    """Columns of X, and weights, of each part of a training set: again and again."""

    train: TrainingData | BlockData
    columns: Sequence[int] | None

    def __iter__(self) -> Iterator[tuple[RaggedArray, NDArray[np.float64]]]:
        for part in self.train.parts:
            X = part.X
            if self.columns is not None:
                X = RaggedArray(X.values[:, self.columns], X.offsets)
            yield X, part.sample_weight


def make_token_embedding(rnn: Any, n_tokens: int) -> nn.TokenEmbedding:
    """Return the embedding of tokens, one a step."""
    (size,) = _list_embedding_sizes(rnn, [_EMBEDDING_SIZE])
    return nn.TokenEmbedding(n_tokens, size)


def make_column_inputs(
    rnn: Any,
    train: TrainingData | BlockData,
    vocabulary: Vocabulary,
) -> nn.ColumnInputs:
    """Return an embedding of each column of categories, beside standardised numbers."""
    pairs = list(zip(vocabulary.groups, map(len, vocabulary.known), strict=True))
    auto = [_suggest_size(columns, n) for columns, n in pairs]
    sizes = _list_embedding_sizes(rnn, auto)
    embeddings = [
        (columns, _make_embedding(columns, n, size))
        for (columns, n), size in zip(pairs, sizes, strict=True)
    ]
    embedded = set(vocabulary.columns)
    numbers = [j for j in range(train.n_features) if j not in embedded]
    standardize = make_standardize(train, numbers) if numbers else None
    return nn.ColumnInputs(embeddings, numbers, standardize)


def _make_embedding(columns: list[int], n_values: int, size: int) -> Any:
    """Return the layer that turns columns into one vector."""
    if len(columns) == 1:
        return nn.TokenEmbedding(n_values, size)
    return nn.WordEncoder(n_values, _suggest_embedding_size(n_values), size)


def _suggest_size(columns: list[int], n_values: int) -> int:
    spells = len(columns) > 1
    return _WORD_SIZE if spells else _suggest_embedding_size(n_values)


def _suggest_embedding_size(n_categories: int) -> int:
    # J. Howard, S. Gugger, "Deep learning for coders with fastai", 2020, chapter 9
    return min(_EMBEDDING_SIZE, round(1.6 * n_categories**0.56))


def _list_embedding_sizes(rnn: Any, auto: list[int]) -> list[int]:
    """Return the size of the embedding of each column."""
    if rnn.embedding_dim is None or isinstance(rnn.embedding_dim, str):
        return auto
    sizes = check_sizes(rnn, "embedding_dim", rnn.embedding_dim)
    if len(sizes) not in (1, len(auto)):
        raise ValueError(
            f"The 'embedding_dim' parameter of {type(rnn).__name__} must be one size, "
            f"or one for each of the {len(auto)} columns of tokens or categories. Got "
            f"{rnn.embedding_dim!r} instead."
        )
    return sizes * (len(auto) // len(sizes))


def make_stem(rnn: Any, input_size: int) -> nn.ConvStem | None:
    """Return the convolutions in front of the recurrent layers, if there are any."""
    if rnn.conv_channels_ is None:
        return None
    channels = check_sizes(rnn, "conv_channels", rnn.conv_channels_)
    widths = _list_kernel_sizes(rnn, channels)
    strides = list_one_per_layer(rnn, "conv_stride", rnn.conv_stride, len(channels))
    strides = [min(stride, _LARGEST_STRIDE) for stride in strides]
    return nn.ConvStem(input_size, channels, widths, strides)


def make_random_branch(
    rnn: Any, inputs: Any, n_outputs: int, *, has_classes: bool
) -> nn.RandomBranch:
    """Return convolutions that are not trained, of numbers alone.

    The last step is beside them. Without classes, it is the last steps, as many as are
    no more numbers than there are outputs of convolutions by default.
    """
    if not isinstance(inputs, nn.Standardize):
        raise ValueError(
            f"The 'random_kernels' parameter of {type(rnn).__name__} must be None or "
            "'auto' if X holds tokens or categories. Got "
            f"{rnn.random_kernels!r} instead."
        )
    size = inputs.output_size
    options = {"n_last": 1, "most_deviations": _MOST_DEVIATIONS}
    if not has_classes:
        options = {"n_last": min(_N_LAST, max(1, _MOST_NUMBERS // size))}
    return nn.RandomBranch(size, int(rnn.random_kernels_), n_outputs, **options)


def make_ngram_branch(rnn: Any, inputs: Any, n_outputs: int) -> nn.NGramBranch:
    """Return n-grams that are not known yet, of tokens in one column."""
    owner, longest = type(rnn).__name__, int(rnn.ngrams_)
    if not isinstance(inputs, nn.TokenEmbedding):
        raise ValueError(
            f"The 'ngrams' parameter of {owner} must be None or 'auto' unless X holds "
            f"token ids, one a step. Got {rnn.ngrams!r} instead."
        )
    branch = nn.NGramBranch(inputs.table.num_embeddings - 1, longest, n_outputs)
    if not branch.has_room():
        raise ValueError(
            f"The 'ngrams' parameter of {owner} must be smaller with "
            f"{branch.n_tokens} different tokens: there are more runs of them than "
            f"can be numbered. Got {rnn.ngrams!r}."
        )
    return branch


def _list_kernel_sizes(rnn: Any, channels: list[int]) -> list[list[int]]:
    """Return the kernel sizes of each convolutional layer."""
    name, value = "conv_kernel_size", rnn.conv_kernel_size
    entries = [value] * len(channels) if isinstance(value, Integral) else list(value)
    if len(entries) != len(channels):
        raise _make_error_of_layers(rnn, name, value, len(channels))
    sizes = [check_sizes(rnn, name, entry) for entry in entries]
    for own, n_channels in zip(sizes, channels, strict=True):
        if len(own) > n_channels:
            raise ValueError(
                f"The {name!r} parameter of {type(rnn).__name__} must have at most as "
                f"many sizes side by side as the layer has channels, {n_channels}. Got "
                f"{own} instead."
            )
    return sizes


def list_one_per_layer(rnn: Any, name: str, value: Any, n_layers: int) -> list[int]:
    """Return a number for each convolutional layer; an int is that of all."""
    sizes = check_sizes(rnn, name, value)
    if isinstance(value, Integral):
        return sizes * n_layers
    if len(sizes) != n_layers:
        raise _make_error_of_layers(rnn, name, value, n_layers)
    return sizes


def _make_error_of_layers(rnn: Any, name: str, value: Any, n_layers: int) -> ValueError:
    return ValueError(
        f"The {name!r} parameter of {type(rnn).__name__} must be an int, or have an "
        f"entry for each of the {n_layers} layers of 'conv_channels'. Got {value!r} "
        "instead."
    )


def make_encoder(rnn: Any, input_size: int, *, decodes: bool = False) -> nn.Encoder:
    """Return the recurrent layers; those of a decoder have one direction."""

    def make_layer(input_size: int, hidden_size: int) -> Any:
        return _make_layer(rnn, input_size, hidden_size)

    return nn.Encoder(
        input_size,
        list_hidden_sizes(rnn),
        make_layer,
        bidirectional=rnn.bidirectional and not decodes,
        dropout=rnn.dropout_,
    )


def _make_layer(rnn: Any, input_size: int, hidden_size: int) -> Any:
    layer_class = CELLS[rnn.cell] if isinstance(rnn.cell, str) else rnn.cell
    from_torch = layer_class.__module__.startswith("torch.")  # takes no lengths
    if not issubclass(layer_class, torch.nn.Module) or from_torch:
        raise ValueError(
            f"The 'cell' parameter of {type(rnn).__name__} must be a str among "
            f"{set(CELLS)} or a subclass of torch.nn.Module that takes lengths, "
            f"as the layers of sklearn_rnn.nn do. Got {rnn.cell!r} instead."
        )
    names = layer_class.parameters_of_estimator if isinstance(rnn.cell, str) else ()
    options = {name: getattr(rnn, name) for name in names}
    return layer_class(input_size, hidden_size, **options)


def list_hidden_sizes(rnn: Any) -> list[int]:
    """Return the number of units of each layer."""
    sizes = check_sizes(rnn, "hidden_size", rnn.hidden_size)
    if isinstance(rnn.hidden_size, Integral):
        return sizes * rnn.num_layers
    if rnn.num_layers not in (1, len(sizes)):
        raise ValueError(
            f"The 'num_layers' parameter of {type(rnn).__name__} must be 1 or the "
            f"length of hidden_size={rnn.hidden_size!r}, one int a layer. Got "
            f"{rnn.num_layers} instead."
        )
    return sizes


def check_sizes(rnn: Any, name: str, value: Any) -> list[int]:
    """Return the value of a parameter, a size or several, as a list of int."""
    sizes = list(value) if isinstance(value, list | tuple | np.ndarray) else [value]
    if not sizes or any(not isinstance(s, Integral) or s < 1 for s in sizes):
        raise ValueError(
            f"The {name!r} parameter of {type(rnn).__name__} must be an int >= 1 "
            f"or a sequence of them. Got {value!r} instead."
        )
    return [int(size) for size in sizes]


def make_net(rnn: Any, module: Any, loss: Any, device: torch.device) -> SequenceNet:
    """Return a net around a module, with a new optimizer."""
    return prepare_net(rnn, module, loss, device).initialize()


def prepare_net(rnn: Any, module: Any, loss: Any, device: torch.device) -> SequenceNet:
    """Return a net that is not initialized."""
    optimizer, options = _choose_optimizer(rnn)
    return SequenceNet(
        module,
        criterion=loss,
        optimizer=optimizer,
        callbacks=check_callbacks(rnn.callbacks, type(rnn).__name__),
        device=str(device),
        verbose=0,
        **{f"optimizer__{name}": value for name, value in options.items()},
    )


def _choose_optimizer(rnn: Any) -> tuple[Any, dict[str, Any]]:
    """Return the class of the optimizer and its arguments."""
    named = isinstance(rnn.optimizer, str)
    optimizer, options = OPTIMIZERS[rnn.optimizer] if named else (rnn.optimizer, {})
    is_dense = not issubclass(optimizer, torch.optim.SparseAdam)
    if not (issubclass(optimizer, torch.optim.Optimizer) and is_dense):
        raise ValueError(
            f"The 'optimizer' parameter of {type(rnn).__name__} must be a str "
            f"among {set(OPTIMIZERS)} or a subclass of torch.optim.Optimizer for dense "
            f"gradients. Got {rnn.optimizer!r} instead."
        )
    if rnn.weight_decay == 0:
        return optimizer, options
    spared = [(p, {"weight_decay": 0.0}) for p in ("*bias*", "*norms*")]
    return optimizer, {
        **options,
        "weight_decay": rnn.weight_decay,
        "param_groups": spared,
    }
