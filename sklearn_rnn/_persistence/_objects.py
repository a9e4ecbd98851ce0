"""Estimators and pipelines as plain values: class, parameters, what was learned."""

import warnings
from collections.abc import Mapping
from inspect import signature
from typing import Any

import sklearn
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sklearn_rnn._anomaly_detector import RNNAnomalyDetector
from sklearn_rnn._classifier import RNNClassifier
from sklearn_rnn._fitted_data import (
    LearnedData,
    StepsAndTargets,
    Tokens,
    TokensAndTokens,
    WindowsOfSeries,
)
from sklearn_rnn._fitted_state import restore_rnn, rnn_to_state
from sklearn_rnn._forecaster import RNNForecaster
from sklearn_rnn._generator import RNNGenerator
from sklearn_rnn._persistence._scikit_learn import LEARNED
from sklearn_rnn._regressor import RNNRegressor
from sklearn_rnn._serialization import ValueReader, ValueWriter
from sklearn_rnn._step_regressor import RNNStepRegressor
from sklearn_rnn._tagger import RNNTagger
from sklearn_rnn._transcriber import RNNTranscriber
from sklearn_rnn._translator import RNNTranslator
from sklearn_rnn.preprocessing import (
    AudioFeatures,
    GapEncoder,
    SequenceBuilder,
    SequenceFeatures,
    SequencePadder,
    SequenceTokenizer,
    Stepwise,
    WordAttributes,
)
from sklearn_rnn.utils import ANYTHING, TEXT, Kind, check_state, may_lack

_RNNS: dict[type[BaseEstimator], LearnedData] = {
    **dict.fromkeys(
        (RNNClassifier, RNNRegressor, RNNStepRegressor, RNNTagger, RNNTranscriber),
        StepsAndTargets(),
    ),
    RNNForecaster: WindowsOfSeries(),
    RNNGenerator: Tokens(),
    RNNTranslator: TokensAndTokens(),
}
_TRANSFORMERS = (
    *(AudioFeatures, GapEncoder, SequenceBuilder, SequenceFeatures, SequencePadder),
    *(SequenceTokenizer, Stepwise, WordAttributes),
)
# the only classes that a file can name
_CLASSES: dict[str, type[BaseEstimator]] = {
    kind.__name__: kind
    for kind in (*_RNNS, RNNAnomalyDetector, *_TRANSFORMERS, *LEARNED, Pipeline)
}
_OBJECT = {
    "class": TEXT,
    "version": may_lack(TEXT),  # of scikit-learn, if the class comes from there
    "parameters": ANYTHING,
    "learned": ANYTHING,
}
_PASSES = (None, "passthrough")  # steps of a Pipeline that do nothing
_OUTPUT = {  # of set_output
    "_sklearn_output_config": may_lack(
        Kind(
            "{'transform': 'default', 'pandas', 'polars' or None}",
            lambda v, s: (
                isinstance(v, dict)
                and set(v) == {"transform"}
                and v["transform"] in ("default", "pandas", "polars", None)
            ),
        )
    )
}


def write_object(value: Any, place: str, writer: ValueWriter) -> dict[str, Any]:
    """Return an estimator as JSON.

    Raises
    ------
    ValueError
        If it is of another class, or has more than the file can hold.
    """
    name = type(value).__name__
    if _CLASSES.get(name) is not type(value):
        raise ValueError(
            f"{place} is {value!r}, of the class {type(value).__module__}.{name}. What "
            f"can be saved, beside plain values, is {sorted(_CLASSES)}."
        )
    parameters = value.get_params(deep=False)
    parameters.pop("checkpoint", None)  # a folder of this machine
    if isinstance(value, Pipeline):
        _check_pipeline(parameters)
    learned = _list_learned(value)  # its errors say more than those of parameters
    return {
        "class": name,
        **({"version": sklearn.__version__} if type(value) in LEARNED else {}),
        "parameters": _write_items(parameters, place, writer),
        "learned": _write_items(learned, place, writer),
    }


def _write_items(items: Any, place: str, writer: ValueWriter) -> Any:
    if items is None:
        return None
    return {name: writer.write(v, f"{place}.{name}") for name, v in items.items()}


def _list_learned(value: Any) -> dict[str, Any] | None:
    """Return what was learned as values by name; None before `fit`."""
    learned = vars(value).keys() - signature(type(value)).parameters.keys()
    if isinstance(value, Pipeline) or not learned:
        return None
    if type(value) in _RNNS:
        return rnn_to_state(value, _RNNS[type(value)])
    values = {name: v for name, v in vars(value).items() if name in learned}
    if hasattr(value, "_pack_learned"):
        values = value._pack_learned(values)
    unknown = values.keys() - _kinds_of(value).keys()
    if unknown:
        raise ValueError(
            f"{type(value).__name__} has the attributes {sorted(unknown)}, which are "
            "not saved."
        )
    return values


def _kinds_of(value: Any) -> Mapping[str, Kind]:
    """Return the kinds of what a transformer learns."""
    learned = getattr(value, "_learned", {})
    return {**LEARNED.get(type(value), learned), **_OUTPUT}


def read_object(value: Any, reader: ValueReader) -> Any:
    """Return the estimator of a JSON value, or raise ValueError."""
    content = check_state(value, "an object", _OBJECT)
    name = content["class"]
    if name not in _CLASSES:
        raise ValueError(f"{name!r} is not among the classes {sorted(_CLASSES)}.")
    estimator = _construct(_CLASSES[name], _read_items(content["parameters"], reader))
    learned = _read_items(content["learned"], reader)
    if learned is None:
        return estimator
    if isinstance(estimator, Pipeline):
        raise ValueError("a Pipeline learns nothing by itself.")
    if type(estimator) in _RNNS:
        restore_rnn(estimator, learned, _RNNS[type(estimator)])
    else:
        values = check_state(learned, name, _kinds_of(estimator))
        if hasattr(estimator, "_unpack_learned"):
            values = estimator._unpack_learned(values)
        vars(estimator).update(values)
        _warn_of_version(name, content.get("version", sklearn.__version__))
    return estimator


def _warn_of_version(name: str, version: str) -> None:
    if version != sklearn.__version__:
        warnings.warn(
            f"The file holds a {name} of scikit-learn {version}, and this is "
            f"{sklearn.__version__}: compare predictions before you rely on them.",
            UserWarning,
            stacklevel=2,
        )


def _read_items(items: Any, reader: ValueReader) -> Any:
    if items is None:
        return None
    if not isinstance(items, dict):
        raise ValueError("parameters, and what was learned, must be objects of JSON.")
    return {name: reader.read(v) for name, v in items.items()}


def _construct(kind: type[BaseEstimator], parameters: Any) -> Any:
    """Return a new estimator with valid parameters; those that lack are defaults."""
    name = kind.__name__
    known = signature(kind).parameters
    if parameters is None or not set(parameters) <= set(known):
        raise ValueError(f"the parameters of {name} must be among {list(known)}.")
    lacking = [
        key
        for key, parameter in known.items()
        if parameter.default is parameter.empty and key not in parameters
    ]
    if lacking:
        raise ValueError(f"{name} must have the parameters {lacking}.")
    for key, value in parameters.items():
        if key == "checkpoint" and value is not None:
            raise ValueError("a file names no folder for checkpoints.")
        if isinstance(value, type) and key != "dtype":
            raise ValueError(f"{key!r} of {name} must be no class. Got {value!r}.")
    if kind is Pipeline:
        _check_pipeline(parameters)
    estimator = kind(**parameters)
    estimator._validate_params()
    return estimator


def _check_pipeline(parameters: Mapping[str, Any]) -> None:
    if parameters.get("memory") is not None:
        raise ValueError("memory of a Pipeline is not saved: set_params(memory=None).")
    if parameters.get("transform_input") is not None:
        raise ValueError("transform_input of a Pipeline is not saved.")
    names = []
    for step in parameters["steps"]:
        if not isinstance(step, tuple) or len(step) != 2:
            raise ValueError("a step of a Pipeline must be a name and an estimator.")
        name, estimator = step
        is_step = isinstance(estimator, BaseEstimator) or estimator in _PASSES
        if not isinstance(name, str) or not is_step:
            raise ValueError("a step of a Pipeline must be a name and an estimator.")
        names.append(name)
    if not names or len(set(names)) < len(names):
        raise ValueError("the steps of a Pipeline must have different names.")
