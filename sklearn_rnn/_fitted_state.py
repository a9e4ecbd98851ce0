"""What a fitted estimator has learned, as plain values, and back."""

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._building import OPTIMIZERS, prepare_net
from sklearn_rnn._fitted_data import LearnedData
from sklearn_rnn._parameters import get_fixed_parameters, refuse_changed_parameters
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
    NUMBER,
    TEXT,
    Kind,
    check_state,
    list_of,
    may_lack,
    neutral_torch_state,
    optional,
    resolve_device,
    shapes_only,
)

_CURVE = list_of(NUMBER)
_WEIGHTS = Kind(
    "a dict of finite arrays",
    lambda v, s: (
        isinstance(v, dict)
        and all(isinstance(a, np.ndarray) and a.dtype.kind in "fbi" for a in v.values())
        and all(np.isfinite(a).all() for a in v.values())
    ),
)
_RANDOM_STATE = Kind("a RandomState", lambda v, s: isinstance(v, np.random.RandomState))
_TRAINED = {
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
    "calibration_errors": may_lack(
        Kind(
            "a 2-D array of finite float64, sorted, of one row or more",
            lambda v, s: (
                isinstance(v, np.ndarray)
                and (v.dtype, v.ndim) == (np.float64, 2)
                and v.size > 0
                and bool(np.isfinite(v).all() and (np.diff(v, axis=0) >= 0).all())
            ),
        )
    ),
    "optimizer": TEXT,
    "weight_decay": NUMBER,
    "moments": ANYTHING,
    "history": HISTORY,
}
# attributes that the state describes, or that follow from it
_ATTRIBUTES = {
    *("loss_curve_", "validation_scores_", "n_iter_", "best_loss_"),
    *("best_validation_score_", "net_", "dropout_", "max_epochs_", "early_stopping_"),
    *("_calibration_errors", "_loss", "_fixed_parameters", "_seed", "_random_state"),
}


def rnn_to_state(rnn: Any, data: LearnedData) -> dict[str, Any]:
    """Return what a fitted estimator has learned.

    Parameters
    ----------
    rnn : estimator
        Fitted.
    data : LearnedData
        What estimators of this class learn beside the network.

    Raises
    ------
    ValueError
        If it is more than what a state describes, such as callbacks or hooks.
    """
    _refuse_what_a_state_lacks(rnn, data)
    net, shared = rnn.net_, rnn._random_state is rnn.random_state
    errors = getattr(rnn, "_calibration_errors", None)
    return {
        **data.to_state(rnn),
        **({} if errors is None else {"calibration_errors": errors}),
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


def _refuse_what_a_state_lacks(rnn: Any, data: LearnedData) -> None:
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
    described = rnn.get_params(deep=False).keys() | _ATTRIBUTES | data.attributes
    unknown = vars(rnn).keys() - described
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


def _restore_errors(rnn: Any, errors: Any) -> None:
    """Restore the errors on held-out samples of a regressor, if it has any."""
    if errors is None:
        return
    if errors.shape[1] != rnn.n_outputs_:
        raise ValueError(
            f"{type(rnn).__name__} must have calibration_errors of {rnn.n_outputs_} "
            f"outputs. Got {errors.shape[1]}."
        )
    rnn._calibration_errors = errors


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
    """Return each weight once, by its first name: tied ones have several."""
    names = _list_tied(module).items()
    state = module.state_dict()
    return {name: state[name].cpu().numpy() for name, first in names if name == first}


def _list_tied(module: torch.nn.Module) -> dict[str, str]:
    """Return the first name of the tensor of each name of the state dict."""
    firsts: dict[int, str] = {}
    tensors = module.state_dict(keep_vars=True).items()
    return {name: firsts.setdefault(id(tensor), name) for name, tensor in tensors}


@neutral_torch_state()
def restore_rnn(rnn: Any, state: Any, data: LearnedData) -> None:
    """Give a new estimator, whose parameters are valid, what was learned.

    Parameters
    ----------
    rnn : estimator
    state : object
        From a file: anything.
    data : LearnedData
        What estimators of this class learn beside the network.

    Raises
    ------
    ValueError
        If the state is not one of an estimator with these parameters.
    """
    name = type(rnn).__name__
    values = check_state(state, name, {**data.kinds, **_TRAINED})
    data.restore(rnn, values)
    rnn.dropout_ = values["dropout"]
    rnn.max_epochs_ = values["max_epochs"]
    rnn.early_stopping_ = values.get("early_stopping", bool(rnn.early_stopping))
    _restore_errors(rnn, values.get("calibration_errors"))
    rnn._loss = rnn._make_loss()
    rnn._fixed_parameters = get_fixed_parameters(rnn)
    rnn._seed = values["seed"]
    rnn._random_state = values["random_state"] or rnn.random_state
    if not isinstance(rnn._random_state, np.random.RandomState):
        raise ValueError(f"{name} must have a RandomState.")
    rnn.loss_curve_ = values["loss_curve"]
    rnn.validation_scores_ = values["validation_scores"]
    rnn.net_ = _make_net(rnn, values, data.make_example(rnn, values["weights"]))
    rnn._summarise_curves()


def _make_net(rnn: Any, values: dict[str, Any], example: TrainingData) -> SequenceNet:
    module = _make_module(rnn, values["weights"], example)
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


def _make_module(
    rnn: Any, weights: dict[str, Any], example: TrainingData
) -> torch.nn.Module:
    """Return the network, which must have just these weights."""
    with shapes_only():
        module = rnn._assemble_module(example)
        weights = _adapt_to_older_file(module, weights)
    name, tied = type(rnn).__name__, _list_tied(module)
    state = module.state_dict(keep_vars=True)
    branch = getattr(module, "random_branch", None)
    ngrams = getattr(module, "ngram_branch", None)
    if ngrams is not None:  # as many as the file has
        with shapes_only():
            ngrams.allocate(np.size(weights.get("ngram_branch.keys", [0])) - 1)
        state = module.state_dict(keep_vars=True)
    expected = {key: _describe(state[key]) for key in {*tied.values()}}
    tensors = {key: torch.from_numpy(w) for key, w in weights.items()}
    found = {key: _describe(tensor) for key, tensor in tensors.items()}
    for key in expected.keys() | found.keys():
        if expected.get(key) != found.get(key):
            raise ValueError(
                f"{name} with these parameters has the weight {key!r}: "
                f"{expected.get(key, 'none')}. Got {found.get(key, 'none')} instead."
            )
    # copies in torch's own memory, aligned as weights that were trained
    copies = {key: _copy_as(state[key], tensor) for key, tensor in tensors.items()}
    weights_of_all = {key: copies[first] for key, first in tied.items()}
    module.load_state_dict(weights_of_all, strict=True, assign=True)
    if branch is not None and not branch.convolutions.has_valid_dilations():
        most = branch.convolutions.MAX_DILATION
        raise ValueError(f"the dilations of {name} must be from 1 to {most}.")
    if ngrams is not None and not ngrams.has_valid_keys():
        raise ValueError(f"the n-grams of {name} must be in ascending order.")
    return module


def _adapt_to_older_file(
    module: torch.nn.Module, weights: dict[str, Any]
) -> dict[str, Any]:
    """Return all weights of random kernels; leave out what an older file has not."""
    branch: Any = getattr(module, "random_branch", None)
    if branch is None:
        return weights
    share = np.full((), branch.DEFAULT_SHARE, np.float32)
    if "random_branch.last_steps.mean" not in weights and not branch.has_limits:
        branch.leave_out_last_steps()  # of a classifier
    return {"random_branch.network_share": share} | weights


def _copy_as(weight: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Return a copy of a value, a parameter if the weight is one: they stay tied."""
    if isinstance(weight, torch.nn.Parameter):
        return torch.nn.Parameter(value.clone(), weight.requires_grad)
    return value.clone()


def _describe(weight: torch.Tensor) -> tuple[str, tuple[int, ...]]:
    return str(weight.dtype), tuple(weight.shape)
