"""`export`: a fitted estimator as graphs of ONNX."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._anomaly_detector import RNNAnomalyDetector
from sklearn_rnn._classifier import RNNClassifier
from sklearn_rnn._forecaster import RNNForecaster
from sklearn_rnn._generator import RNNGenerator
from sklearn_rnn._regressor import RNNRegressor
from sklearn_rnn._serialization import write_file
from sklearn_rnn._step_regressor import RNNStepRegressor
from sklearn_rnn._tagger import RNNTagger
from sklearn_rnn._transcriber import RNNTranscriber
from sklearn_rnn._translator import RNNTranslator
from sklearn_rnn.onnx._answers import compare_answers, make_answers
from sklearn_rnn.onnx._detector import compare_detector, make_detector
from sklearn_rnn.onnx._files import check_onnx, refuse_code
from sklearn_rnn.onnx._forecaster import compare_forecaster, make_forecaster
from sklearn_rnn.onnx._generator import compare_generator, make_generator
from sklearn_rnn.onnx._modules import UnsupportedModule
from sklearn_rnn.onnx._transcriber import compare_transcriber, make_transcriber
from sklearn_rnn.onnx._translator import compare_translator, make_translator


class _Kind(NamedTuple):
    """How estimators of a kind become files.

    Parameters
    ----------
    make : callable
        ``make(estimator)`` returns the bytes of each file by the end of its name.
    compare : callable
        ``compare(estimator, files, X)`` raises ValueError if they compute something
        else.
    """

    make: Callable[[Any], dict[str, bytes]]
    compare: Callable[[Any, dict[str, bytes], Any], None]


_ANSWERS = _Kind(make_answers, compare_answers)
_KINDS: dict[type, _Kind] = {
    RNNClassifier: _ANSWERS,
    RNNRegressor: _ANSWERS,
    RNNTagger: _ANSWERS,
    RNNStepRegressor: _ANSWERS,
    RNNForecaster: _Kind(make_forecaster, compare_forecaster),
    RNNAnomalyDetector: _Kind(make_detector, compare_detector),
    RNNGenerator: _Kind(make_generator, compare_generator),
    RNNTranscriber: _Kind(make_transcriber, compare_transcriber),
    RNNTranslator: _Kind(make_translator, compare_translator),
}


def export(
    estimator: Any, path: str | os.PathLike[str], *, check_X: Any = None
) -> None:
    """Write a fitted estimator as a graph of ONNX, which runs without Python.

    The graph holds all of the network: scaling or token ids, convolutions, recurrent
    layers, pooling, probabilities and labels. Batch size and number of steps are free.

    ============== ======================== ============================================
    Name           Shape                    Content
    ============== ======================== ============================================
    X              (batch, time, n)         Input: steps, float32, or token ids, int64.
                                            Padding follows the last step, and may hold
                                            anything.
    lengths        (batch,)                 Input: number of steps of each row, int64.
    label          (batch,)                 Output of classifiers: values of `classes_`,
                                            or with several labels a row of 0 and 1.
    probabilities  (batch, n_classes)       Output of classifiers.
    prediction     (batch, n_outputs)       Output of regressors, float64; with several
                                            quantiles (batch, n_outputs, n_quantiles).
    ============== ======================== ============================================

    :class:`~sklearn_rnn.RNNTagger` and :class:`~sklearn_rnn.RNNStepRegressor` have
    outputs at each step: (batch, time) and (batch, time, n). At padding they mean
    nothing. With ``crf=True`` the labels are those of the best path, and the
    probabilities are marginals.

    :class:`~sklearn_rnn.RNNTranscriber` has the outputs ``log_probabilities`` of shape
    (batch, frames, 1 + n_tokens), as of `predict_log_proba`, and ``n_frames`` of shape
    (batch,). The metadata "tokens" lists the token of each column.

    :class:`~sklearn_rnn.RNNForecaster` reads ``X`` as float64 and, with
    `known_features`, ``X_future`` of shape (batch, horizon, n_known). ``prediction`` is
    (batch, horizon, n_targets) and, with `quantiles`, ``quantiles`` is (batch, horizon,
    n_targets, n_quantiles), as of `predict_quantiles`. It compares forecasts in units
    of the scale of their window, and with `known_features` takes the future from the
    last steps of `check_X`.

    :class:`~sklearn_rnn.RNNGenerator` reads numbers of tokens, places in the metadata
    "tokens", after a 0 for the beginning; or notes. The input ``state`` of shape
    (batch, n_units) is zeros at first, then the output ``state_after`` of the steps
    before. With classes, the input ``y`` of shape (batch,) is the place of the class
    in the metadata "classes". ``log_probabilities`` of shape (batch, n_tokens), or
    ``probabilities`` of notes, are those of the step after the last one. In the
    comparison all classes take turns.

    :class:`~sklearn_rnn.RNNAnomalyDetector` reads ``X`` as float64. Its outputs have
    the names of the methods: ``score_steps`` of shape (batch, time), ``score_samples``
    and ``predict`` of shape (batch,).

    :class:`~sklearn_rnn.RNNTranslator` becomes two files, the encoder and one step of
    the decoder, with names such as ``model.encoder.onnx`` and ``model.decoder.onnx``
    for ``model.onnx``. The encoder reads numbers of tokens that end with 0, or
    features; the decoder reads its outputs, ``lengths`` and the number of the token
    before, ``y`` of shape (batch,), 0 at first. ``log_probabilities`` is (batch,
    n_tokens), ``state_after`` the next ``state``.

    A category of a DataFrame is passed as its place, from 0 on, in the list of its
    column, which the metadata has as "categories", in JSON; -1 stands for an unknown
    one. Other categories and token ids are passed as they are, known or not.

    Parameters
    ----------
    estimator : RNNClassifier, RNNRegressor, RNNTagger, RNNStepRegressor, \
            RNNForecaster, RNNAnomalyDetector, RNNTranscriber, RNNTranslator or \
            RNNGenerator
        Fitted.
    path : str or path-like
        The file, with the ending ".onnx". One of this name is replaced.
    check_X : like X in `fit`, default=None
        Sequences for which the graph, run by onnxruntime, is compared with the
        estimator. If they differ by more than 1e-5 (of regressors: of the standard
        deviation of y), an error is raised, and no file is written. None: no
        comparison.

    Raises
    ------
    ImportError
        If onnx, or for `check_X` onnxruntime, is missing.
    TypeError
        If the estimator is another one, such as a pipeline.
    ValueError
        If a part of the network cannot be exported: a custom cell, or hooks. Or if the
        graph computes something else.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier, onnx
    >>> X, y = np.random.RandomState(0).normal(size=(20, 5, 1)), np.arange(20) % 2
    >>> model = RNNClassifier(max_epochs=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.onnx")
    ...     onnx.export(model, path, check_X=X)
    """
    if type(estimator) not in _KINDS:
        raise TypeError(
            f"export takes one of {[kind.__name__ for kind in _KINDS]}. Got "
            f"{type(estimator).__name__} instead; of a Pipeline, export its last step."
        )
    check_is_fitted(estimator)
    check_onnx()
    kind = _KINDS[type(estimator)]
    try:
        refuse_code(estimator.module_)
        files = kind.make(estimator)
    except UnsupportedModule as error:
        raise ValueError(
            f"{type(estimator).__name__} cannot be exported: {error}"
        ) from error
    if check_X is not None:
        kind.compare(estimator, files, check_X)
    root, extension = os.path.splitext(path)
    for ending, data in files.items():
        write_file(f"{root}{ending}{extension}", data)
