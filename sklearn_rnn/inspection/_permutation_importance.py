"""permutation_importance: the drop of a score if parts of sequences are permuted."""

from itertools import pairwise
from numbers import Integral

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length

from sklearn_rnn._inspectable import takes_checked_inputs
from sklearn_rnn._sequences import like, step_index
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
    """Measure the drop of the score when a part of the sequences is permuted.

    The counterpart of :func:`sklearn.inspection.permutation_importance` for sequences.
    A part, which is a feature or an interval of time, is exchanged between the
    sequences. This breaks its relation to y, and the score is computed again. The
    importance is the score before minus the score after. It is near 0, or negative, if
    the estimator does not use the part.

    Parameters
    ----------
    estimator : estimator of sklearn_rnn, Pipeline or search
        Fitted. A search is replaced by its `best_estimator_`. The transformers of a
        pipeline are applied first, and their output is permuted: the features are those
        of the network's input.
    X : like X in `fit`
        The sequences, preferably held out from the fit. Importances on training data
        also reflect overfitting.
    y : like y in `fit`
        Their targets.
    by : {"feature", "step", "segment"}, default="feature"
        Unit of permutation.

        - "feature": one feature at all steps. A sequence gets all values of this
          feature from another sequence. The characters of a word are one feature.
        - "step": all features at one step, counted from the start of each sequence.
          Sequences too short to have this step are left unchanged.
        - "segment": all features over an interval of time. Each sequence is cut into
          `n_segments` parts of nearly equal length. Suitable if single steps matter
          little or if lengths differ.
    n_segments : int, default=10
        Number of segments. Only used if ``by="segment"``.
    scoring : str, callable or None, default=None
        A name from :func:`sklearn.metrics.get_scorer_names`, or a callable with the
        signature ``scorer(estimator, X, y)`` for which higher is better. None uses the
        `score` method of the recurrent estimator: accuracy or R², over all steps if it
        predicts at each step.
    n_repeats : int, default=5
        Number of permutations of each part.
    n_jobs : int or None, default=None
        Number of parallel jobs over the parts; -1 uses all processors. The result does
        not depend on it.
    random_state : int, RandomState instance or None, default=None
        Controls the permutations. Pass an int for reproducible results.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        importances_mean : ndarray of shape (n_parts,)
            Mean importance over `n_repeats`.
        importances_std : ndarray of shape (n_parts,)
            Standard deviation over `n_repeats`.
        importances : ndarray of shape (n_parts, n_repeats)
            All importances.
        names : ndarray of str of shape (n_parts,)
            Names of the parts: the features; "step 0", "step 1", ...; or "0-10 %",
            "10-20 %", ... of the length.

    Raises
    ------
    TypeError, NotFittedError
        If the final estimator is not a fitted sklearn_rnn estimator.
    ValueError
        If X or y does not match the estimator, or a parameter is invalid.

    See Also
    --------
    GradientFlowDisplay : Gradient norm by number of steps back.

    Notes
    -----
    If two sequences that exchange a part differ in length, the part is stretched or
    compressed: each step gets the values of the step at the same relative position.

    Correlated features or steps can replace each other: permuting one of them costs
    little, even if both together are decisive. Neighbouring steps are often correlated.

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
    rnn = takes_checked_inputs(seen.rnn)
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


def _cut(seen, by, n_segments):
    """Return the parts, (starts, lengths, features) in all sequences, and their names.

    A length of 0 means that the sequence lacks the part.
    """
    lengths, every = seen.X.lengths, list(range(seen.X.n_features))
    if by == "feature":
        parts = [(np.zeros_like(lengths), lengths, js) for js in seen.columns]
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
        Source of the permutation.

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
    return like(X, values, X.offsets)
