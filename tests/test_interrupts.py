"""Ctrl-C at any line: the estimator is all old or all new, and torch is as before.

A trace function raises KeyboardInterrupt at the n-th line that the package runs: at a
sample of lines here, at all of them with ``--run-slow``.
"""

import ast
import pickle
import sys
import threading
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

import sklearn_rnn
from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.utils._interrupts import finally_do

PACKAGE = Path(sklearn_rnn.__file__).parent
LEFT_OUT = ()  # folders whose lines are not interrupted
N_LINES = 30  # of each case, without --run-slow
N_EPOCHS = 3
TINY = {
    "hidden_size": 3,
    "conv_channels": 4,
    "conv_kernel_size": 3,
    "max_epochs": N_EPOCHS,
    "n_iter_no_change": 9,
    "learning_rate": 1e-3,
    "learning_rate_schedule": None,
    "dropout": 0.1,
    "random_state": 0,
}
_RNG = np.random.default_rng(0)
X_OLD = [_RNG.normal(size=(n, 2)) for n in (5, 6, 7, 8, 6, 5, 9, 7)]
Y_OLD = np.array(["cat", "dog"] * 4)
X_NEW = [_RNG.normal(size=(n, 3)) for n in (4, 6, 7, 8, 6, 5, 9, 7, 3)]
Y_NEW = np.array(["x", "y", "z"] * 3)
NUMBERS = _RNG.normal(size=8)


@cache
def is_interrupted(filename):
    path = Path(filename)
    if not path.is_relative_to(PACKAGE):
        return False
    return path.relative_to(PACKAGE).parts[0] not in LEFT_OUT


@cache
def find_blocks(filename):
    """Return the lines of the head and of the body of each with statement."""
    nodes = ast.walk(ast.parse(Path(filename).read_text()))
    return [
        (range(n.lineno, n.body[0].lineno), range(n.body[0].lineno, n.end_lineno + 1))
        for n in nodes
        if isinstance(n, ast.With)
    ]


class LineTrace:
    """Counts the lines that the package runs, and interrupts one of them.

    Parameters
    ----------
    at : int or None
        Number of the line before which KeyboardInterrupt is raised.
    """

    def __init__(self, at=None):
        self.at, self.n_lines, self.place = at, 0, None
        self.last = {}  # frame -> number of its line before, and if a block ended

    def __call__(self, frame, event, argument):
        return self._trace if is_interrupted(frame.f_code.co_filename) else None

    def _trace(self, frame, event, argument):
        if event == "line" and not self._ends_block(frame):
            if self.n_lines == self.at:
                self.place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise KeyboardInterrupt  # Python stops tracing then
            self.n_lines += 1
        return self._trace

    def _ends_block(self, frame):
        """Whether `__exit__` is called next: no signal comes between."""
        line = frame.f_lineno
        before, ended = self.last.get(frame, (0, False))
        ends = any(
            line in header and (before in body or (ended and before in header))
            for header, body in find_blocks(frame.f_code.co_filename)
        )
        self.last[frame] = line, ends
        return ends

    @contextmanager
    def active(self):
        before = sys.gettrace()
        sys.settrace(self)
        try:
            yield self
        finally:
            sys.settrace(before)


class StopAfter(Callback):
    """Ends a training as Ctrl-C does, after some epochs."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_train_begin(self, net, **kwargs):
        self.n_left = self.n_epochs
        if self.n_left == 0:
            raise KeyboardInterrupt

    def on_epoch_end(self, net, **kwargs):
        self.n_left -= 1
        if self.n_left == 0:
            raise KeyboardInterrupt


def describe(estimator):
    """Return all that a user can see of a fitted estimator, to compare."""
    try:
        n_features = estimator.n_features_in_
        X = X_OLD if n_features == 2 else X_NEW
        answers = (
            estimator.predict_proba(X)
            if hasattr(estimator, "predict_proba")
            else estimator.predict(X)
        )
    except (AttributeError, NotFittedError):
        assert not [name for name in vars(estimator) if name.endswith("_")]
        return "not fitted"
    assert len(estimator.history_) == estimator.n_iter_ == len(estimator.loss_curve_)
    assert "Monitor" not in dict(estimator.net_.callbacks_)
    assert not any(module.training for module in estimator.module_.modules())
    return (
        answers.tobytes(),
        estimator.encode(X).tobytes(),
        str(getattr(estimator, "classes_", None)),
        tuple(estimator.loss_curve_),
        tuple(estimator.validation_scores_ or ()),
        estimator.predict(X).tobytes(),
    )


class Case:
    """Something done to an estimator that Ctrl-C may cut short.

    Parameters
    ----------
    before : estimator
        As it is before.
    act : callable
        ``act(estimator)`` is interrupted.
    is_repeatable : bool, default=False
        Whether to do it once more starts anew.
    """

    def __init__(self, before, act, is_repeatable=False):
        self.before = pickle.dumps(before)
        self.act, self.is_repeatable = act, is_repeatable
        self.old, self.whole = describe(before), self._describe_after(act)
        self.allowed = [self.old, self.whole]
        self.allowed += [self._stop_after(n) for n in range(N_EPOCHS + 1)]

    def copy(self):
        return pickle.loads(self.before)

    def _describe_after(self, act):
        estimator = self.copy()
        act(estimator)
        return describe(estimator)

    def _stop_after(self, n_epochs):
        estimator = self.copy().set_params(callbacks=[StopAfter(n_epochs)])
        with suppress(KeyboardInterrupt):
            self.act(estimator)
        return describe(estimator)

    def count_lines(self):
        with LineTrace().active() as trace:
            self.act(self.copy())
        return trace.n_lines

    def check(self, line):
        estimator, n_threads = self.copy(), torch.get_num_threads()
        try:
            with LineTrace(line).active() as trace:
                self.act(estimator)
        except KeyboardInterrupt:
            pass
        else:  # a few lines less than counted: clean-up by the garbage collector
            assert trace.place is None
        assert torch.get_num_threads() == n_threads, trace.place
        assert torch.is_grad_enabled(), trace.place
        assert not torch.is_inference_mode_enabled(), trace.place
        after = describe(estimator)
        assert after in self.allowed, trace.place
        if after == self.old or self.is_repeatable:
            self.act(estimator)
            assert describe(estimator) == self.whole, trace.place


def make_old(estimator_class=RNNClassifier, **params):
    y = Y_OLD if estimator_class is RNNClassifier else NUMBERS
    return estimator_class(**TINY, **params).fit(X_OLD, y)


def make_streamed():
    estimator = RNNClassifier(**TINY)
    return estimator.partial_fit(X_OLD, Y_OLD, classes=["cat", "dog"])


CASES = {
    "first fit": lambda: Case(
        RNNClassifier(**TINY), lambda e: e.fit(X_OLD, Y_OLD), is_repeatable=True
    ),
    "refit on other classes and features": lambda: Case(
        make_old(), lambda e: e.fit(X_NEW, Y_NEW), is_repeatable=True
    ),
    "warm start": lambda: Case(
        make_old(warm_start=True), lambda e: e.fit(X_OLD, Y_OLD)
    ),
    "first partial_fit": lambda: Case(
        RNNClassifier(**TINY),
        lambda e: e.partial_fit(X_OLD, Y_OLD, classes=["cat", "dog"]),
    ),
    "partial_fit": lambda: Case(make_streamed(), lambda e: e.partial_fit(X_OLD, Y_OLD)),
    "predict": lambda: Case(make_old(), lambda e: e.predict_proba(X_OLD)),
    "hidden_states": lambda: Case(make_old(), lambda e: e.hidden_states(X_OLD)),
    "regressor, held out": lambda: Case(
        make_old(RNNRegressor, loss="gaussian"),
        lambda e: e.fit(X_NEW[:8], NUMBERS, X_val=X_NEW, y_val=np.arange(9.0)),
        is_repeatable=True,
    ),
    "regressor, early stopping": lambda: Case(
        make_old(RNNRegressor, early_stopping=True, validation_fraction=0.4),
        lambda e: e.fit(X_NEW[:8], NUMBERS),
        is_repeatable=True,
    ),
    "regressor, partial_fit": lambda: Case(
        make_old(RNNRegressor), lambda e: e.partial_fit(X_OLD, -NUMBERS)
    ),
    "regressor, predict": lambda: Case(
        make_old(RNNRegressor), lambda e: e.predict(X_OLD)
    ),
    "plain network, by kernels alone": lambda: Case(
        make_plain(), lambda e: e.fit(X_NEW, Y_NEW), is_repeatable=True
    ),
}


def make_plain():
    params = {**TINY, "conv_channels": None, "pooling": "last", "dropout": 0}
    return RNNClassifier(**params).fit(X_OLD, Y_OLD)


@cache
def make_case(name):
    return CASES[name]()


@pytest.mark.parametrize("name", CASES)
def test_ctrl_c_at_a_random_line_leaves_all_old_or_all_new(name):
    case = make_case(name)
    lines = np.random.default_rng(len(name)).choice(case.count_lines(), N_LINES)
    for line in lines:
        case.check(line)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_ctrl_c_at_every_line_leaves_all_old_or_all_new(name):
    case = make_case(name)
    n_workers = threading.active_count()
    for line in range(case.count_lines()):
        case.check(line)
    assert threading.active_count() <= n_workers + torch.get_num_threads()


class FailAndInterrupt(Callback):
    """Raises an error after an epoch, and Ctrl-C while it is handled."""

    def __init__(self, trace, line):
        self.trace, self.line = trace, line

    def on_epoch_end(self, net, **kwargs):
        self.trace.at = self.trace.n_lines + self.line
        raise RuntimeError


@pytest.mark.parametrize("line", range(80))
def test_ctrl_c_while_an_error_is_handled_leaves_all_old_or_all_new(line):
    case, trace = make_case("warm start"), LineTrace()
    estimator = case.copy().set_params(callbacks=[FailAndInterrupt(trace, line)])
    with trace.active(), pytest.raises((RuntimeError, KeyboardInterrupt)):
        estimator.fit(X_OLD, Y_OLD)
    assert describe(estimator) in case.allowed, trace.place


@pytest.mark.parametrize("line", range(0, 900, 30))
def test_a_search_stops_at_every_ctrl_c(line):
    """Ctrl-C before the monitor was ready became an AttributeError: a failed fit."""
    search = GridSearchCV(RNNClassifier(**TINY), {"hidden_size": [2, 3]}, cv=2)
    with LineTrace(line).active(), pytest.raises(KeyboardInterrupt):
        search.fit(np.zeros((8, 5, 1)), Y_OLD)


def test_clean_up_is_whole_also_if_ctrl_c_interrupts_it():
    state = {"opened": True}
    calls = []

    def clean_up():
        calls.append("begins")
        if len(calls) == 1:
            raise KeyboardInterrupt
        state["opened"] = False

    with pytest.raises(KeyboardInterrupt), finally_do(clean_up):
        pass
    assert not state["opened"]
