"""Recurrent neural networks as scikit-learn estimators."""

from importlib.metadata import PackageNotFoundError, version

from sklearn_rnn._classifier import RNNClassifier
from sklearn_rnn._forecaster import RNNForecaster
from sklearn_rnn._regressor import RNNRegressor
from sklearn_rnn._sequences import RaggedArray
from sklearn_rnn._step_regressor import RNNStepRegressor
from sklearn_rnn._tagger import RNNTagger
from sklearn_rnn.nn import config_context

try:
    __version__ = version("sklearn-rnn")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0.0.0"

__all__ = [
    "RNNClassifier",
    "RNNForecaster",
    "RNNRegressor",
    "RNNStepRegressor",
    "RNNTagger",
    "RaggedArray",
    "config_context",
]
