"""The checkpoint of a fit: which file belongs to it."""

from typing import Any

from sklearn_rnn._block_data import BlockData
from sklearn_rnn._training import TrainingFile, compute_fingerprint
from sklearn_rnn._training_data import TrainingData

_WITHOUT_EFFECT = "checkpoint", "verbose"  # on the result of a fit


def open_checkpoint(
    rnn: Any,
    data: TrainingData | BlockData,
    continues: bool,
    validation: TrainingData | None,
) -> TrainingFile | None:
    """Return the file that this fit goes on from; None without the parameter.

    Parameters
    ----------
    rnn : estimator
        Before it has drawn any number.
    data : TrainingData
        All that `fit` was given, validated and not encoded.
    continues : bool
        Whether the fit continues from the weights of the one before.
    validation : TrainingData or None
        The validation set that `fit` was given.
    """
    parameters = rnn.get_params(deep=False)
    if parameters.get("checkpoint") is None:
        return None
    inputs = {
        "parameters": {k: v for k, v in parameters.items() if k not in _WITHOUT_EFFECT},
        "kind": rnn._describe_kind(),
        "names": getattr(rnn, "feature_names_in_", None),
        "data": _describe_data(data),
        "validation": None if validation is None else _list_arrays(validation),
    }
    if continues:
        weights = rnn.module_.state_dict().items()
        inputs["weights"] = {name: weight.cpu().numpy() for name, weight in weights}
        inputs["drawn"] = rnn._random_state
    return TrainingFile(rnn.checkpoint, type(rnn).__name__, inputs)


def _describe_data(data: TrainingData | BlockData) -> list[Any]:
    if isinstance(data, TrainingData):
        return _list_arrays(data)
    return [compute_fingerprint({"data": _list_arrays(part)}) for part in data.parts]


def _list_arrays(data: TrainingData) -> list[Any]:
    parts = [_split(data.X), _split(data.targets)]
    return [*parts, data.sample_weight, data.groups]


def _split(rows: Any) -> Any:
    """Return the arrays of sequences, or of what is no sequence the array."""
    if not hasattr(rows, "offsets"):
        return rows
    return [rows.values, rows.offsets, getattr(rows, "weight", None)]
