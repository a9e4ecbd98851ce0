"""What a fit would take, before it starts."""

from typing import Any, NamedTuple

from sklearn.base import clone

from sklearn_rnn._base import BaseRNN
from sklearn_rnn.utils import neutral_torch_state


class FitPlan(NamedTuple):
    """What the defaults would be for some data.

    Parameters
    ----------
    n_epochs : int
        Value of ``max_epochs="auto"``.
    embeds : bool
        Whether X holds tokens or categories.
    """

    n_epochs: int
    embeds: bool


def plan_fit(rnn: Any, X: Any, y: Any) -> FitPlan:
    """Return what "auto" stands for with these data; nothing is trained.

    Parameters
    ----------
    rnn : BaseRNN
        It stays as it is.
    X, y : object
        As for `fit`.

    Raises
    ------
    TypeError
        If `rnn` is no recurrent network.
    ValueError, TypeError
        If a parameter or the data is invalid, as in `fit`.
    """
    if not isinstance(rnn, BaseRNN):
        raise TypeError(
            "estimator must be a recurrent network, such as RNNClassifier, or a "
            f"Pipeline that ends in one. Got {rnn!r} instead."
        )
    rnn = clone(rnn).set_params(max_epochs="auto")
    with neutral_torch_state():
        rnn._validate_params()
        data = rnn._check_data(X, y, None, None, continues=False)
        rnn._learn_encoding(data, data)
        rnn._resolve_parameters(rnn._encode(data))
    return FitPlan(rnn.max_epochs_, rnn._vocabulary is not None)
