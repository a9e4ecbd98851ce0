"""Callbacks: MLPClassifier's early stopping, and a progress bar over epochs."""

import copy
import math
import sys
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback, PrintLog
from torch import Tensor, nn

from sklearn_rnn._training._loader import SequenceDataset, TextDataset
from sklearn_rnn.nn import TokenLikelihood
from sklearn_rnn.utils import warn_once_in_search

_SECONDS_WATCHED = 3.0  # before a time is estimated
_LONG_FIT = 600.0  # seconds


class Monitor(Callback):
    """Scores, best weights and early stopping, in the manner of MLPClassifier.

    Parameters
    ----------
    validation_score : callable or None
        ``validation_score(module)`` returns the score of the held-out data. None: the
        training loss alone is watched.
    patience : int or None
        Epochs without an improvement after which training stops; None: never.
    tol : float
        Minimum absolute improvement.
    watch_score : bool
        Whether to stop, and take the best weights, by the validation score rather
        than by the training loss.
    """

    def __init__(
        self,
        validation_score: Callable[[nn.Module], float] | None,
        patience: int | None,
        tol: float,
        watch_score: bool,
    ) -> None:
        self.validation_score = validation_score
        self.patience = patience
        self.tol = tol
        self.watch_score = watch_score
        self.initialize()  # Ctrl-C may come before a net does it

    def initialize(self) -> "Monitor":
        self.losses_: list[float] = []
        self.scores_: list[float] = []
        self.best_ = -math.inf
        self.misses_ = 0
        self.stopped_ = False
        self.best_weights_: dict[str, Any] | None = None
        return self

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.best_weights_ = copy_weights(net.module_)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        loss = net.history[-1]["train_loss"]
        scores = []
        if self.validation_score is not None:
            net.module_.eval()
            scores = [float(self.validation_score(net.module_))]
            net.history.record("valid_score", scores[0])
        current = scores[0] if self.watch_score else -loss
        self.misses_ = 0 if current > self.best_ + self.tol else self.misses_ + 1
        improved = current > self.best_
        weights = copy_weights(net.module_) if improved else self.best_weights_
        # one assignment: Ctrl-C leaves either the whole epoch or nothing
        self.__dict__.update(
            losses_=[*self.losses_, loss],
            scores_=self.scores_ + scores,
            best_=current if improved else self.best_,
            best_weights_=weights,
        )
        if self.patience is not None and self.misses_ >= self.patience:
            self.stopped_ = net.stop_training = True

    def restore_best(self, net: Any) -> None:
        """Restore the best weights so far."""
        if self.best_weights_ is not None:
            net.module_.load_state_dict(self.best_weights_)

    def still_improves(self, n_epochs: int) -> bool:
        """Whether training ended while the validation score or the loss improved.

        The score is judged if there is one. It still improves if more than 5 % of its
        whole rise, and more than `tol` an epoch, came in the last `n_epochs` epochs, or
        in the second half of fewer than twice as many; likewise the fall of the loss,
        if it has not reached a hundredth of its start. One epoch shows nothing.
        """
        curve = [-score for score in self.scores_] or self.losses_
        n_epochs = min(n_epochs, len(curve) // 2)
        if self.stopped_ or n_epochs == 0:
            return False
        before, best = min(curve[:-n_epochs]), min(curve)
        if not self.scores_ and 0 <= best <= 0.01 * curve[0]:
            return False
        fall = max(curve[0], before) - best
        return before - best > max(0.05 * fall, self.tol * n_epochs)


def copy_weights(module: nn.Module) -> dict[str, Any]:
    """Return a copy of the state dict of a module."""
    return {
        name: value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)
        for name, value in module.state_dict().items()
    }


class LongFitWarning(Callback):
    """Warn once, early, if a training will take more than ten minutes.

    Parameters
    ----------
    n_epochs : int
        Maximum number of epochs.
    n_batches : int
        Mini-batches an epoch.
    """

    def __init__(self, n_epochs: int, n_batches: int) -> None:
        self.n_epochs, self.n_batches = n_epochs, n_batches

    def initialize(self) -> "LongFitWarning":
        self.start_: float | None = None  # of the second mini-batch: the first compiles
        self.n_done_ = 0
        self.is_done_ = False
        return self

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        if self.is_done_:
            return
        now = monotonic()
        if self.start_ is None:
            self.start_ = now
            return
        self.n_done_ += 1
        if now - self.start_ < _SECONDS_WATCHED:
            return
        self.is_done_ = True
        n_updates = self.n_epochs * self.n_batches
        seconds = (now - self.start_) / self.n_done_ * n_updates
        if seconds > _LONG_FIT:
            warn_once_in_search(
                f"This fit may take {seconds / 60:.0f} minutes: {self.n_epochs:,} "
                f"epochs of {self.n_batches:,} mini-batches. A larger 'batch_size' or "
                "fewer 'max_epochs' take less. Ctrl-C keeps the finished epochs.",
                UserWarning,
                kind="long fit",
                stacklevel=2,
            )


class EpochProgress(Callback):
    """Progress bar over epochs with loss, score and time left, below the plan.

    Where tokens are predicted, it shows how many of them are read a second, too, and
    their perplexity if they are predicted one after the other.

    Parameters
    ----------
    n_epochs : int
        Length of the bar.
    n_batches : int
        Mini-batches an epoch.
    """

    def __init__(self, n_epochs: int, n_batches: int) -> None:
        self.n_epochs, self.n_batches = n_epochs, n_batches

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        from tqdm.auto import tqdm  # here: in a notebook its import may warn

        n_weights = sum(w.numel() for w in net.module_.parameters())
        print(
            f"{len(X):,} sequences, {n_weights:,} weights: at most {self.n_epochs:,} "
            f"epochs of {self.n_batches:,} mini-batches",
            file=sys.stderr,
        )
        self.bar_ = tqdm(total=self.n_epochs, unit="epoch")

    def on_epoch_end(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        row = net.history[-1]
        shown = {"loss": f"{row['train_loss']:.4f}"}
        if "valid_score" in row:
            shown["score"] = f"{row['valid_score']:.4f}"
        shown |= _describe_tokens(net, row, dataset_train)
        self.bar_.set_postfix(shown, refresh=False)
        self.bar_.update()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        self.bar_.close()
        del self.bar_  # a bar cannot be pickled


def _describe_tokens(
    net: Any, row: dict[str, Any], dataset: SequenceDataset
) -> dict[str, str]:
    """Return the tokens a second of an epoch, and the perplexity."""
    if isinstance(dataset, TextDataset):
        return {"tokens/s": f"{dataset.n_tokens.sum() / row['dur']:,.0f}"}
    if not isinstance(net.criterion_, TokenLikelihood):
        return {}
    shown = {"tokens/s": f"{len(dataset.y) / row['dur']:,.0f}"}
    if "valid_score" in row:
        loss = -row["valid_score"]
    elif net.criterion_.label_smoothing:
        loss = _estimate_loss(net, dataset)
    else:
        loss = row["train_loss"]
    return shown | {"perplexity": f"{np.exp(loss):.2f}"}


def _estimate_loss(net: Any, dataset: SequenceDataset) -> float:
    """Return the loss of a mini-batch, always the same, without label smoothing."""
    random_state = np.random.RandomState(0)
    loader = dataset.make_loader(net.batch_size, torch.device(net.device), random_state)
    inputs, (target, weight) = next(iter(loader))
    net.module_.eval()
    with torch.no_grad():
        losses = TokenLikelihood()(net.module_(**inputs), target)
    return float(losses.mean() if weight is None else (losses @ weight) / weight.sum())


def check_callbacks(callbacks: Sequence[Any] | None, name: str) -> list[Any] | None:
    """Validate `callbacks` and return them as a list.

    Raises
    ------
    ValueError
        If one is neither a callback of skorch, nor a class of them, nor a pair of a
        name and one, or if two have the same name.
    """
    if callbacks is None:
        return None
    names = [c[0] for c in callbacks if _is_named_callback(c)]
    is_valid = all(_is_named_callback(c) or _is_callback(c) for c in callbacks)
    if not is_valid or len(set(names)) < len(names):
        raise ValueError(
            f"The 'callbacks' parameter of {name} must be a list of "
            "skorch.callbacks.Callback, or of (name, callback) with unique names, "
            f"or None. Got {callbacks!r} instead."
        )
    return list(callbacks)


def _is_callback(value: Any) -> bool:
    is_class = isinstance(value, type) and issubclass(value, Callback)
    return is_class or isinstance(value, Callback)


def _is_named_callback(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and isinstance(value[0], str)
        and _is_callback(value[1])
    )


def make_reporters(verbose: int, n_epochs: int, n_batches: int) -> list[Callback]:
    """Return the callbacks that show progress: no more than a warning, a bar, a table.

    Parameters
    ----------
    verbose : int
    n_epochs : int
        Maximum number of epochs.
    n_batches : int
        Mini-batches an epoch.
    """
    warning = LongFitWarning(n_epochs, n_batches)
    if verbose == 0:
        return [warning]
    if verbose == 1:
        return [warning, EpochProgress(n_epochs, n_batches)]
    return [warning, PrintLog(keys_ignored=["train_batch_count"])]
