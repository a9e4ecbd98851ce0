"""Access to fitted estimators for `sklearn_rnn.inspection`."""

import copy
from typing import Any

import torch
from torch import Tensor

from sklearn_rnn._codecs import remove_joiner
from sklearn_rnn._sequences import (
    CategoryEncoder,
    RaggedArray,
    StepArray,
    TokenIds,
    group_columns,
)
from sklearn_rnn._step_base import StepRNN
from sklearn_rnn._targets import LabelTargets, StepLabelTargets, StepNumberTargets
from sklearn_rnn.nn import Emissions


def answers_each_step(rnn: Any) -> bool:
    """Return whether an estimator predicts at every step."""
    return isinstance(rnn, StepRNN)


def predicts_one_class(rnn: Any) -> bool:
    """Return whether targets are single classes, not numbers or sets of labels."""
    several = isinstance(rnn._targets, LabelTargets | StepLabelTargets)
    return hasattr(rnn, "classes_") and not several


def reads_table(rnn: Any) -> bool:
    """Return whether the columns of X are steps of one feature."""
    return rnn._reads_table


def embedded_columns(rnn: Any) -> list[int]:
    """Return the columns of X that hold tokens or categories."""
    return [] if rnn._vocabulary is None else rnn._vocabulary.columns


def feature_columns(rnn: Any, n_columns: int) -> list[list[int]]:
    """Return the columns of each feature of X: one, or the characters of a word."""
    return group_columns(range(n_columns), rnn._characters)


def check_inputs(rnn: Any, X: Any) -> RaggedArray:
    """Validate X as `predict` does; `takes_checked_inputs` predicts from the result."""
    X = rnn._check_X(X)
    if not rnn._reads_tokens:
        return X
    return TokenIds(X.values, X.offsets, rnn._characters)


def takes_checked_inputs(rnn: Any) -> Any:
    """Return a shallow copy whose X is a result of `check_inputs`.

    That has codes in place of categories, and no names.
    """
    rnn = copy.copy(rnn)
    rnn._category_encoder = CategoryEncoder(None, type(rnn).__name__)
    vars(rnn).pop("feature_names_in_", None)
    return rnn


def index_inputs(rnn: Any, X: RaggedArray) -> RaggedArray:
    """Encode validated X for the network: tokens become rows of an embedding."""
    return rnn._index_tokens(X)


def encode_targets(rnn: Any, X: RaggedArray, y: Any) -> Any:
    """Encode y for the loss, as an ndarray or a `StepArray`."""
    y, _ = rnn._check_y(y, X, None)
    return rnn._targets.encode(rnn._targets.read(y))


def compute_losses(rnn: Any, output: Any, target: Any) -> Tensor:
    """Return the loss of each sequence, or step, without weights.

    Parameters
    ----------
    rnn : BaseRNN
        Fitted.
    output : Tensor or Emissions
        Output of the network.
    target : ndarray or StepArray
        Rows of the result of `encode_targets`.
    """
    values = target.values if isinstance(target, StepArray) else target
    scores = output.scores if isinstance(output, Emissions) else output
    y = torch.from_numpy(values).to(scores.device)
    return rnn._loss(output, y.to(scores) if y.is_floating_point() else y)


def explained_output(
    rnn: Any, outputs: Any, column: int, step: int | None, n_samples: int
) -> Tensor:
    """Return the output that attributions explain, (n_samples,).

    Parameters
    ----------
    rnn : BaseRNN
        Fitted.
    outputs : Tensor of shape (n_samples, n_outputs) or (n_samples * n_steps, \
            n_outputs), or Emissions
        Output of the network for sequences of one length.
    column : int
        Which class or target.
    step : int or None
        Number of the step; None for one prediction per sequence.
    n_samples : int
        Number of sequences.
    """
    if isinstance(outputs, Emissions):
        return outputs.crf.log_odds(outputs.scores, step, column)
    if step is not None:
        outputs = outputs.view(n_samples, -1, outputs.shape[1])[:, step]
    if not hasattr(rnn, "classes_"):
        targets = rnn._targets
        if isinstance(targets, StepNumberTargets):
            targets = targets.numbers
        scale, mean = float(targets.scale[column]), float(targets.mean[column])
        prediction = rnn._loss.predict(outputs)[:, column]
        if prediction.dim() == 2:  # several quantiles, of which one is explained
            prediction = prediction[:, prediction.shape[1] // 2]
        return prediction * scale + mean
    if not predicts_one_class(rnn):
        return outputs[:, column]
    others = torch.arange(outputs.shape[1], device=outputs.device) != column
    return outputs[:, column] - outputs[:, others].logsumexp(dim=1)


def name_alignment(translator: Any, X: Any, y: Any) -> tuple[list[str] | None, list]:
    """Return the tokens of one pair, with its ends.

    Parameters
    ----------
    translator : RNNTranslator
        Fitted.
    X, y : object
        Of one pair.

    Returns
    -------
    source : list of str or None
        None if X holds features.
    target : list of str
    """
    data = translator._validate_pairs(X, y)
    target = _name_tokens(translator.target_tokens_[data.targets[0][:, 0]])
    if translator.tokens_ is None:
        return None, target
    return _name_tokens(translator.tokens_[data.X[0][:-1, 0]]), target


def _name_tokens(tokens: Any) -> list[str]:
    return [*(remove_joiner(str(token)) for token in tokens), "end"]
