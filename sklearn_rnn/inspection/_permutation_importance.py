"""permutation_importance: what a score loses when parts of sequences are swapped."""

import copy
from itertools import pairwise
from numbers import Integral

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length

from sklearn_rnn._sequences import step_index
from sklearn_rnn.inspection._common import resolve_inputs
from sklearn_rnn.utils import Interval, StrOptions, validate_params


@validate_params(
    {
        "by": [StrOptions({"feature", "step", "segment"})],
        "n_segments": [Interval(Integral, 1, None, closed="left")],
        "scoring": [str, callable, None],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def permutation_importance(
    estimator,
    X,
    y,
    *,
    by="feature",
    n_segments=10,
    scoring=None,
    n_repeats=5,
    n_jobs=None,
    random_state=None,
):
    """Measure what the score loses when a part of the sequences is permuted.

    The counterpart of :func:`sklearn.inspection.permutation_importance` for sequences.
    A part, a feature or a stretch of time, is exchanged between the sequences, so that
    it is no longer related to y, and the score is computed again. The importance is
    the score before less the score after: near 0, or below, where the estimator makes
    no use of the part.

    Parameters
    ----------
    estimator : estimator of sklearn_rnn, Pipeline or search
        Fitted. Of a search, its `best_estimator_`. Of a pipeline, the transformers are
        applied first, and what they make is permuted: the features are those that the
        network reads.
    X : like X in `fit`
        The sequences: best, those held out from the fit. An importance for training
        data tells what was learned by heart, too.
    y : like y in `fit`
        Their targets.
    by : {"feature", "step", "segment"}, default="feature"
        Unit of permutation.

        - "feature": a feature, in all steps: a sequence gets the whole course that the
          feature has in another.
        - "step": one step, with all features, counted from the start of each sequence.
          Of sequences of different length, those that have it exchange it.
        - "segment": a stretch of time, with all features: each sequence is cut into
          `n_segments` parts of equal length, or nearly, of its own. Good where single
          steps count little, or lengths differ.
    n_segments : int, default=10
        Number of segments; used with ``by="segment"`` only.
    scoring : str, callable or None, default=None
        A name of :func:`sklearn.metrics.get_scorer_names` or a function
        ``scorer(estimator, X, y)``, higher is better. None: the `score` of the
        recurrent estimator, accuracy or R², over steps if it has an answer at each.
    n_repeats : int, default=5
        How often each part is permuted.
    n_jobs : int or None, default=None
        Number of processes that share the parts; -1: one for each processor. The
        result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Decides who gets whose part. Pass an int for the same result every time.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        With the attributes:

        importances_mean : ndarray of shape (n_parts,)
            Mean importance over `n_repeats`.
        importances_std : ndarray of shape (n_parts,)
            Standard deviation over `n_repeats`.
        importances : ndarray of shape (n_parts, n_repeats)
            All importances.
        names : ndarray of str of shape (n_parts,)
            What the parts are called: the features; "step 0", "step 1", ...; or
            "0-10 %", "10-20 %", ... of the length.

    Raises
    ------
    TypeError, NotFittedError
        If there is no fitted recurrent network at the end of the estimator.
    ValueError
        If X or y does not fit the estimator, or a parameter is not what is accepted.

    See Also
    --------
    GradientFlowDisplay : How far back the gradient of the loss reaches.

    Notes
    -----
    Where two sequences that exchange a part differ in length, the part is stretched to
    its new place: each step takes the one at the same fraction of the other's length.

    Features, or steps, that say the same stand in for each other: permuting one of them
    costs little, though both together may be all that counts. Neighbouring steps mostly
    do so.

    References
    ----------
    L. Breiman, "Random forests", Machine Learning 45, 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn import RNNClassifier
    >>> from sklearn_rnn.inspection import permutation_importance
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 8, 2))
    >>> y = X[:, :, 1].mean(axis=1) > 0
    >>> classifier = RNNClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> result = permutation_importance(classifier, X, y, random_state=0)
    >>> result.names[result.importances_mean.argmax()]
    'x1'
    """
    seen = resolve_inputs(estimator, X)
    check_consistent_length(seen.X.offsets[1:], y)
    rnn = _without_feature_names(seen.rnn)
    scorer = check_scoring(rnn, scoring=scoring)
    baseline = scorer(rnn, seen.X, y)
    parts, names = _cut(seen, by, n_segments)
    # one seed for all parts: they are compared with the same permutations
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    scores = Parallel(n_jobs=n_jobs)(
        delayed(_score_permuted)(rnn, seen.X, y, scorer, part, n_repeats, seed)
        for part in parts
    )
    importances = baseline - np.array(scores)
    return Bunch(
        importances_mean=importances.mean(axis=1),
        importances_std=importances.std(axis=1),
        importances=importances,
        names=np.array(names, dtype=object),
    )


def _without_feature_names(rnn):
    """Return a shallow copy without the names that `resolve_inputs` has checked."""
    rnn = copy.copy(rnn)
    vars(rnn).pop("feature_names_in_", None)
    return rnn


def _cut(seen, by, n_segments):
    """Return the parts, (starts, lengths, features) in all sequences, and their names.

    A sequence in which a part has a length of 0 does not have it.
    """
    lengths, every = seen.X.lengths, list(range(seen.X.n_features))
    if by == "feature":
        parts = [(np.zeros_like(lengths), lengths, [feature]) for feature in every]
        return parts, seen.feature_names
    if by == "step":
        steps = range(lengths.max())
        parts = [(np.full_like(lengths, t), 1 * (lengths > t), every) for t in steps]
        return parts, [f"step {t}" for t in steps]
    limits = [lengths * i // n_segments for i in range(n_segments + 1)]
    parts = [(start, stop - start, every) for start, stop in pairwise(limits)]
    percent = [f"{100 * i / n_segments:.3g}" for i in range(n_segments + 1)]
    return parts, [f"{start}-{stop} %" for start, stop in pairwise(percent)]


def _score_permuted(rnn, X, y, scorer, part, n_repeats, seed):
    rng = np.random.RandomState(seed)
    return [scorer(rnn, _permute(X, *part, rng), y) for _ in range(n_repeats)]


def _permute(X, starts, lengths, features, rng):
    """Exchange a part between the sequences that have it.

    Parameters
    ----------
    X : RaggedArray
        The sequences.
    starts, lengths : ndarray of shape (n_samples,)
        First step and number of steps of the part in each sequence.
    features : list of int
        The features of the part.
    rng : RandomState
        Decides who gets whose part.

    Returns
    -------
    permuted : RaggedArray
        A copy.
    """
    takers = np.flatnonzero(lengths)
    givers = rng.permutation(takers)
    n_taken = lengths[takers]
    taken = step_index(X.offsets[takers] + starts[takers], n_taken)
    # step j of n_taken takes the step at the same fraction of the giver's part
    step = step_index(np.zeros_like(n_taken), n_taken)
    step = step * np.repeat(lengths[givers], n_taken) // np.repeat(n_taken, n_taken)
    given = np.repeat(X.offsets[givers] + starts[givers], n_taken) + step
    values = X.values.copy()
    values[np.ix_(taken, features)] = X.values[np.ix_(given, features)]
    return type(X)(values, X.offsets)
