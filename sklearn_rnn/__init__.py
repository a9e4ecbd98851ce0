"""Recurrent neural networks as scikit-learn estimators."""

from sklearn_rnn._anomaly_detector import RNNAnomalyDetector
from sklearn_rnn._classifier import RNNClassifier
from sklearn_rnn._forecaster import RNNForecaster
from sklearn_rnn._generator import RNNGenerator
from sklearn_rnn._persistence import load, save
from sklearn_rnn._regressor import RNNRegressor
from sklearn_rnn._sequences import RaggedArray, SequenceSource
from sklearn_rnn._step_regressor import RNNStepRegressor
from sklearn_rnn._stream import RNNStream
from sklearn_rnn._tagger import RNNTagger
from sklearn_rnn._transcriber import RNNTranscriber
from sklearn_rnn._translator import RNNTranslator
from sklearn_rnn._workers import follow_scikit_learn
from sklearn_rnn.nn import config_context
from sklearn_rnn.utils import get_version

__version__ = get_version()
follow_scikit_learn()

__all__ = [
    "RNNAnomalyDetector",
    "RNNClassifier",
    "RNNForecaster",
    "RNNGenerator",
    "RNNRegressor",
    "RNNStepRegressor",
    "RNNStream",
    "RNNTagger",
    "RNNTranscriber",
    "RNNTranslator",
    "RaggedArray",
    "SequenceSource",
    "config_context",
    "load",
    "save",
]
