"""What a fitted estimator has learned, as plain values, and back."""

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._building import OPTIMIZERS, prepare_net
from sklearn_rnn._defaults import resolve, suggest_conv_channels
from sklearn_rnn._parameters import get_fixed_parameters, refuse_changed_parameters
from sklearn_rnn._sequences import CategoryEncoder, RaggedArray, Vocabulary
from sklearn_rnn._training import (
    HISTORY,
    SequenceNet,
    history_to_state,
    optimizer_to_state,
)
from sklearn_rnn._training_data import TrainingData
from sklearn_rnn.nn import has_hooks
from sklearn_rnn.utils import (
    ANYTHING,
    BOOL,
    COUNT,
    FEATURE_NAMES,
    NUMBER,
    TEXT,
    Kind,
    check_state,
    list_of,
    may_lack,
    neutral_torch_state,
    optional,
    read_state,
    resolve_device,
    shapes_only,
)

_MOST_FEATURES = 2**16  # without a weight of their own, of what a file may claim
_MOST_CHARACTERS = 2**12
_CURVE = list_of(NUMBER)
_WEIGHTS = Kind(
    "a dict of finite arrays",
    lambda v, s: (
        isinstance(v, dict)
        and all(isinstance(a, np.ndarray) and a.dtype.kind in "fb" for a in v.values())
        and all(np.isfinite(a).all() for a in v.values())
    ),
)
_RANDOM_STATE = Kind("a RandomState", lambda v, s: isinstance(v, np.random.RandomState))
_CHARACTERS = Kind(
    f"the first of up to {_MOST_CHARACTERS} columns of tokens, and the one after them",
    lambda v, s: (
        list_of(COUNT).fits(v, s)
        and len(v) == 2
        and 1 < v[1] - v[0] <= _MOST_CHARACTERS
        and v[1] <= s["n_features_in_"]
        and s["reads_tokens"]
    ),
)
_STATE = {
    "n_features_in_": COUNT,
    "feature_names_in_": may_lack(FEATURE_NAMES),
    "reads_table": BOOL,
    "reads_tokens": BOOL,
    "characters": optional(_CHARACTERS),
    "categories": ANYTHING,  # read by their owners
    "vocabulary": ANYTHING,
    "targets": ANYTHING,
    "loss_curve": _CURVE,
    "validation_scores": optional(_CURVE),
    "seed": COUNT,
    "random_state": optional(_RANDOM_STATE),
    "weights": _WEIGHTS,
    "dropout": Kind(
        "a probability below 1", lambda v, s: type(v) is float and 0 <= v < 1
    ),
    "max_epochs": COUNT,
    "early_stopping": may_lack(BOOL),
    "optimizer": TEXT,
    "weight_decay": NUMBER,
    "moments": ANYTHING,
    "history": HISTORY,
}
# attributes that the state describes, or that follow from it
_ATTRIBUTES = {
    *("n_features_in_", "feature_names_in_", "n_outputs_", "classes_"),
    *("loss_curve_", "validation_scores_", "n_iter_", "best_loss_"),
    *("best_validation_score_", "net_"),
    *("conv_channels_", "dropout_", "max_epochs_", "early_stopping_"),
    *("_reads_table", "_reads_tokens", "_category_encoder", "_vocabulary", "_targets"),
    *("_characters", "_loss", "_fixed_parameters", "_seed", "_random_state"),
}


def rnn_to_state(rnn: Any) -> dict[str, Any]:
    """Return what a fitted estimator has learned.

    Raises
    ------
    ValueError
        If it is more than what a state describes, such as callbacks or hooks.
    """
    _refuse_what_a_state_lacks(rnn)
    net, targets, vocabulary = rnn.net_, rnn._targets, rnn._vocabulary
    characters = rnn._characters
    shared = rnn._random_state is rnn.random_state
    names = ("n_features_in_", "feature_names_in_")
    return {
        **{name: vars(rnn)[name] for name in names if name in vars(rnn)},
        "reads_table": rnn._reads_table,
        "reads_tokens": rnn._reads_tokens,
        "characters": characters and [characters.start, characters.stop],
        "categories": rnn._category_encoder.to_state(),
        "vocabulary": None if vocabulary is None else vocabulary.to_state(),
        "targets": {"kind": type(targets).__name__, "state": targets.to_state()},
        "loss_curve": rnn.loss_curve_,
        "validation_scores": rnn.validation_scores_,
        "seed": rnn._seed,
        "random_state": None if shared else rnn._random_state,
        "weights": _weights_to_state(rnn.module_),
        "dropout": float(rnn.dropout_),
        "max_epochs": int(rnn.max_epochs_),
        "early_stopping": rnn.early_stopping_,
        "optimizer": _name_optimizer(net.optimizer_),
        "weight_decay": _find_weight_decay(net.optimizer_),
        "moments": optimizer_to_state(net.optimizer_),
        "history": history_to_state(net.history_),
    }


def _refuse_what_a_state_lacks(rnn: Any) -> None:
    check_is_fitted(rnn, "net_")
    refuse_changed_parameters(rnn, rnn._fixed_parameters)
    name = type(rnn).__name__
    if not isinstance(rnn.cell, str):
        raise ValueError(f"cell={rnn.cell!r} of {name} is code, which is not saved.")
    if rnn.callbacks:
        raise ValueError(
            f"callbacks={rnn.callbacks!r} of {name} are code, which is not saved. They "
            "only matter in fit: set_params(callbacks=None) leaves them out."
        )
    unknown = vars(rnn).keys() - rnn.get_params(deep=False).keys() - _ATTRIBUTES
    if unknown:
        raise ValueError(
            f"{name} has the attributes {sorted(unknown)}, which are not saved."
        )
    for place, module in rnn.module_.named_modules():
        if has_hooks(module):
            raise ValueError(
                f"module_.{place} of {name} has hooks, or another forward: code, which "
                "is not saved."
            )


def _name_optimizer(optimizer: torch.optim.Optimizer) -> str:
    """Return the name of an optimizer among those of the package."""
    for name, (kind, _) in OPTIMIZERS.items():
        if type(optimizer) is kind:
            return name
    raise ValueError(
        f"the optimizer {type(optimizer).__name__} is code, which is not saved."
    )


def _find_weight_decay(optimizer: torch.optim.Optimizer) -> float:
    """Return the weight decay of the last fit.

    Without one all weights are in one group, with one those that it spares come first.
    """
    *spared, others = optimizer.param_groups
    return float(others["weight_decay"]) if spared else 0.0


def _weights_to_state(module: torch.nn.Module) -> dict[str, Any]:
    return {name: w.cpu().numpy() for name, w in module.state_dict().items()}


@neutral_torch_state()
def restore_rnn(rnn: Any, state: Any) -> None:
    """Give a new estimator, whose parameters are valid, what was learned.

    Raises
    ------
    ValueError
        If the state is not one of an estimator with these parameters.
    """
    name = type(rnn).__name__
    values = check_state(state, name, _STATE)
    _restore_data(rnn, values)
    rnn._loss = rnn._make_loss()
    rnn._fixed_parameters = get_fixed_parameters(rnn)
    rnn._seed = values["seed"]
    rnn._random_state = values["random_state"] or rnn.random_state
    if not isinstance(rnn._random_state, np.random.RandomState):
        raise ValueError(f"{name} must have a RandomState.")
    rnn.loss_curve_ = values["loss_curve"]
    rnn.validation_scores_ = values["validation_scores"]
    rnn.net_ = _make_net(rnn, values)
    rnn._summarise_curves()


def _restore_data(rnn: Any, values: dict[str, Any]) -> None:
    """Restore what was learned from X and y."""
    name = type(rnn).__name__
    rnn.n_features_in_ = values["n_features_in_"]
    if "feature_names_in_" in values:
        rnn.feature_names_in_ = values["feature_names_in_"]
    rnn._reads_table = values["reads_table"]
    rnn._reads_tokens = values["reads_tokens"]
    rnn._category_encoder = CategoryEncoder.from_state(
        values["categories"], rnn.categorical_features, name
    )
    rnn._characters = values["characters"] and range(*values["characters"])
    rnn._vocabulary = None
    if values["vocabulary"] is not None:
        rnn._vocabulary = Vocabulary.from_state(values["vocabulary"], rnn._characters)
    suggested = suggest_conv_channels(embeds=rnn._vocabulary is not None)
    rnn.conv_channels_ = resolve(rnn, "conv_channels", suggested)
    rnn.dropout_ = values["dropout"]
    rnn.max_epochs_ = values["max_epochs"]
    rnn.early_stopping_ = values.get("early_stopping", bool(rnn.early_stopping))
    rnn._targets = _targets_from_state(rnn, values["targets"])
    vars(rnn).update(rnn._targets.attributes())


def _targets_from_state(rnn: Any, state: Any) -> Any:
    name = type(rnn).__name__
    kinds = {kind.__name__: kind for kind in rnn._kinds_of_targets}
    kind, learned = read_state(
        state, f"the targets of {name}", {"kind": TEXT, "state": ANYTHING}
    )
    if kind not in kinds:
        raise ValueError(f"the targets of {name} are {kind!r}, not among {set(kinds)}.")
    return kinds[kind].from_state(learned, name, rnn.get_params(deep=False))


def _make_net(rnn: Any, values: dict[str, Any]) -> SequenceNet:
    module = _make_module(rnn, values["weights"])
    trained = _as_trained(rnn, values["optimizer"], values["weight_decay"])
    net = prepare_net(trained, module, rnn._loss, _find_device(rnn))
    net.revive(values["moments"], values["history"])
    net.module_.eval()
    return net


def _as_trained(rnn: Any, optimizer: str, weight_decay: float) -> Any:
    """Return an unfitted copy with the optimizer of the last fit."""
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"{optimizer!r} is no optimizer among {set(OPTIMIZERS)}.")
    return clone(rnn).set_params(optimizer=optimizer, weight_decay=weight_decay)


def _find_device(rnn: Any) -> torch.device:
    try:
        return resolve_device(rnn.device)
    except ValueError:
        warnings.warn(
            f"{type(rnn).__name__} was saved with device={str(rnn.device)!r}, which "
            "this machine does not have: it is on the CPU.",
            UserWarning,
            stacklevel=2,
        )
        return torch.device("cpu")


def _make_module(rnn: Any, weights: dict[str, Any]) -> torch.nn.Module:
    """Return the network, which must have just these weights."""
    n_features = 1 if rnn._reads_table else rnn.n_features_in_
    _refuse_more_than_weights(rnn, n_features, weights)
    one_step = RaggedArray(np.zeros((1, n_features), np.float32), np.array([0, 1]))
    _check_vocabulary(rnn, one_step)
    with shapes_only():
        module = rnn._assemble_module(TrainingData(one_step, None, np.ones(1)))
    name = type(rnn).__name__
    expected = {key: _describe(w) for key, w in module.state_dict().items()}
    tensors = {key: torch.from_numpy(w) for key, w in weights.items()}
    found = {key: _describe(tensor) for key, tensor in tensors.items()}
    for key in expected.keys() | found.keys():
        if expected.get(key) != found.get(key):
            raise ValueError(
                f"{name} with these parameters has the weight {key!r}: "
                f"{expected.get(key, 'none')}. Got {found.get(key, 'none')} instead."
            )
    # copies in torch's own memory, aligned as weights that were trained
    copies = {key: tensor.clone() for key, tensor in tensors.items()}
    module.load_state_dict(copies, strict=True, assign=True)
    return module


def _refuse_more_than_weights(
    rnn: Any, n_features: int, weights: dict[str, Any]
) -> None:
    """Raise ValueError before a network is built that has far more parts than weights.

    A file of some bytes may ask for a million layers or features.
    """
    n_numbers = sum(weight.size for weight in weights.values())
    n_columns = rnn._targets.n_columns
    too_many = n_features > n_numbers + _MOST_FEATURES or n_columns > n_numbers
    if rnn.num_layers > len(weights) or too_many:
        raise ValueError(
            f"{type(rnn).__name__} with num_layers={rnn.num_layers}, {n_features} "
            f"features and {n_columns} outputs has more weights than these "
            f"{len(weights)}."
        )


def _check_vocabulary(rnn: Any, X: RaggedArray) -> None:
    expected = list(range(X.n_features)) if rnn._reads_tokens else []
    if not rnn._reads_tokens:
        expected = rnn._category_encoder.find_columns(X.n_features)
    columns = [] if rnn._vocabulary is None else rnn._vocabulary.columns
    if columns != expected:
        raise ValueError(
            f"{type(rnn).__name__} must have a vocabulary of the columns {expected}. "
            f"Got {columns} instead."
        )


def _describe(weight: torch.Tensor) -> tuple[str, tuple[int, ...]]:
    return str(weight.dtype), tuple(weight.shape)
