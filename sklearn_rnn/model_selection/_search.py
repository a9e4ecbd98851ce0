"""A search over the parameters that matter, for the price of some fits."""

from typing import Any

from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV
from sklearn.pipeline import Pipeline

from sklearn_rnn._planning import plan_fit

_FACTOR = 3
_N_CANDIDATES = 18
# candidates for numbers, and for tokens or categories
_SHARED = {
    "learning_rate": [0.003, 0.01, 0.03],
    "hidden_size": [32, 64, 128],
    "optimizer": ["adamw"],
    "cell": ["gru", "lstm"],
    "weight_decay": [0.0, 0.1, 0.3, 1.0],
}
_CANDIDATES = {
    False: {
        **_SHARED,
        "dropout": [0.0, 0.2, 0.5],
        "conv_channels": ["auto", None],
        "pooling": ["meanmax", "last", "attention"],
    },
    True: {
        **_SHARED,
        "dropout": [0.3, 0.5, 0.7],
        "embedding_dim": ["auto", 64, 128],
        "pooling": ["meanmax", "max", "attention"],
    },
}


def suggest_search(
    estimator: Any, X: Any, y: Any, *, cv: Any = 3, random_state: Any = None
) -> HalvingRandomSearchCV:
    """Return a search over the parameters that matter for the kind of data.

    Candidates are drawn at random and trained for few epochs; the better third of them
    is trained for three times as many, until some have had as many as the estimator
    would take. The learning-rate schedule is planned for the epochs of each fit. In
    all, the search takes as long as six whole fits for each split of `cv`.

    Parameters
    ----------
    estimator : RNNClassifier, RNNRegressor, RNNTagger, RNNStepRegressor or Pipeline
        What to search for; a pipeline ends in one of them. Parameters that are not in
        the search keep their values.
    X : like X in `fit`
        The training data: their kind (numbers, or tokens and categories) and number
        decide.
    y : like y in `fit`
        The targets.
    cv : int, splitter or iterable, default=3
        As for :class:`sklearn.model_selection.HalvingRandomSearchCV`.
    random_state : int, RandomState instance or None, default=None
        Controls which candidates are drawn.

    Returns
    -------
    search : HalvingRandomSearchCV
        Not fitted. `search.param_distributions` are the candidates: change them with
        `set_params`, like `n_jobs` or `scoring`.

    Raises
    ------
    TypeError
        If `estimator` is neither a recurrent network nor ends in one.

    References
    ----------
    K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification and
    hyperparameter optimization", AISTATS 2016.

    Examples
    --------
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.datasets import make_sine_mixtures
    >>> from sklearn_rnn.model_selection import suggest_search
    >>> X, y = make_sine_mixtures(60, random_state=0)
    >>> search = suggest_search(RNNClassifier(random_state=0), X, y, random_state=0)
    >>> search.set_params(n_jobs=-1).resource, search.max_resources
    ('max_epochs', 50)
    """
    rnn, prefix = estimator, ""
    if isinstance(estimator, Pipeline):
        name, rnn = estimator.steps[-1]
        prefix = f"{name}__"
        X = clone(estimator[:-1]).fit_transform(X, y) if len(estimator) > 1 else X
    n_epochs, embeds = plan_fit(rnn, X, y)
    candidates, own = _CANDIDATES[embeds], rnn.get_params(deep=False)
    return HalvingRandomSearchCV(
        estimator,
        {f"{prefix}{name}": v for name, v in candidates.items() if name in own},
        n_candidates=_N_CANDIDATES,
        factor=_FACTOR,
        resource=f"{prefix}max_epochs",
        min_resources=max(1, n_epochs // _FACTOR**2),
        max_resources=n_epochs,
        cv=cv,
        random_state=random_state,
    )
