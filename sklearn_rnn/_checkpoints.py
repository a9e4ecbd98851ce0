"""The checkpoint of a fit: which file belongs to it."""

from typing import Any

from sklearn_rnn._sequences import read_targets
from sklearn_rnn._training import TrainingFile
from sklearn_rnn._training_data import TrainingData

_WITHOUT_EFFECT = "checkpoint", "verbose"  # on the result of a fit


def open_checkpoint(
    rnn: Any, data: TrainingData, continues: bool, validation: tuple[Any, Any, Any]
) -> TrainingFile | None:
    """Return the file that this fit goes on from; None without the parameter.

    Parameters
    ----------
    rnn : estimator
        Before it has drawn any number.
    data : TrainingData
        All that `fit` was given, validated.
    continues : bool
        Whether the fit continues from the weights of the one before.
    validation : tuple
        X_val, y_val and sample_weight_val.
    """
    parameters = rnn.get_params(deep=False)
    if parameters.get("checkpoint") is None:
        return None
    inputs = {
        "parameters": {k: v for k, v in parameters.items() if k not in _WITHOUT_EFFECT},
        "categories": rnn._category_encoder.to_state(),
        "names": getattr(rnn, "feature_names_in_", None),
        "tokens": rnn._reads_tokens,
        "data": _list_arrays(data),
        "validation": _read_validation(rnn, *validation),
    }
    if continues:
        weights = rnn.module_.state_dict().items()
        inputs["weights"] = {name: weight.cpu().numpy() for name, weight in weights}
        inputs["drawn"] = rnn._random_state
    return TrainingFile(rnn.checkpoint, type(rnn).__name__, inputs)


def _list_arrays(data: TrainingData) -> list[Any]:
    targets = data.targets
    if hasattr(targets, "offsets"):  # of steps
        targets = [targets.values, targets.offsets, targets.weight]
    return [data.X.values, data.X.offsets, targets, data.sample_weight, data.groups]


def _read_validation(rnn: Any, X: Any, y: Any, sample_weight: Any) -> Any:
    if X is None or y is None:  # what is missing is found later
        return None
    X = rnn._check_X(X, "X_val")
    y, weight = rnn._check_y(read_targets(y, "y_val"), X, sample_weight, "y_val")
    return _list_arrays(TrainingData(X, rnn._targets.read(y, "y_val"), weight))
