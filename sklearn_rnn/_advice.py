"""Errors that name what to type instead: arguments of fit, containers."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from typing import Any

from sklearn_rnn._sequences import Layout, refuse_source

_ARGUMENTS = {  # of `fit` in other libraries
    "validation_data": "pass X_val= and y_val=",
    "eval_set": "pass X_val= and y_val=",
    "validation_split": "set early_stopping=True and validation_fraction=",
    "epochs": "set max_epochs=",
}


def advise_on_arguments(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `fit` to explain the arguments that other libraries have.

    Parameters
    ----------
    fit : callable
        Method of an estimator.

    Returns
    -------
    fit : callable
        The method; it raises TypeError for an unknown argument, a DataLoader, or a
        source that the estimator does not read.
    """
    accepted = set(signature(fit).parameters)

    @wraps(fit)
    def advised(self: Any, *args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in accepted:
                raise TypeError(_explain_argument(self, fit.__name__, name))
        X, y = (*args, *(kwargs.get(name) for name in ("X", "y")[len(args) :]))[:2]
        _refuse_loaders(self, X)
        if not getattr(self, "_reads_blocks", False):
            refuse_source(X, "X")
        _refuse_pairs(X, y)
        return fit(self, *args, **kwargs)

    return advised


@contextmanager
def advise_on_tables(layout: Layout) -> Iterator[None]:
    """Explain the rows of a table in an error about numbers of samples."""
    try:
        yield
    except ValueError as error:
        if not layout.is_table:
            raise
        raise ValueError(
            f"{error}. X is a table: each row is a sequence and each column is a step. "
            "For a table with a row for each step, put sklearn_rnn.preprocessing."
            "SequenceBuilder in front."
        ) from None


def _explain_argument(estimator: Any, method: str, name: str) -> str:
    owner = type(estimator).__name__
    advice = _ARGUMENTS.get(name)
    if name in estimator.get_params(deep=False):
        advice = f"set it in the constructor: {owner}({name}=...)"
    elif advice is not None and advice.startswith("set"):
        advice += " in the constructor"
    error = f"{owner}.{method}() got an unexpected keyword argument {name!r}"
    return error if advice is None else f"{error}: {advice}."


def _refuse_pairs(X: Any, y: Any) -> None:
    """Refuse sequences beside a table of what is known of each as a whole."""
    if not isinstance(X, tuple | list) or len(X) != 2 or getattr(X[1], "ndim", 0) != 2:
        return
    lengths = {len(part) if hasattr(part, "__len__") else None for part in (*X, y)}
    if len(lengths) == 1 and lengths != {2}:
        raise TypeError(
            "X is a pair of sequences and a table with a row for each. Join them: "
            "RaggedArray.from_sequences(X[0]).join(X[1]) repeats the row of a sequence "
            "at all its steps."
        )


def _refuse_loaders(estimator: Any, X: Any) -> None:
    data = sys.modules.get("torch.utils.data")
    if data is None or not isinstance(X, data.DataLoader | data.Dataset):
        return
    raise TypeError(
        f"X is a {type(X).__name__} of torch. {type(estimator).__name__} makes the "
        "mini-batches itself: pass the sequences as X and the targets as y, and set "
        "batch_size= in the constructor."
    )
