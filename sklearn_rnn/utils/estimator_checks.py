"""Checks of properties that every sequence estimator must have.

They complement :func:`sklearn.utils.estimator_checks.check_estimator`, which covers
2-D arrays only, in the same style: ``check_*(name, estimator)`` raises an
AssertionError if a property does not hold.
"""

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import get_tags

from sklearn_rnn._sequences import RaggedArray

Check = Callable[[str, Any], None]


def check_sequence_estimator(estimator: Any) -> None:
    """Run all checks of this module on an estimator.

    Parameters
    ----------
    estimator : estimator object
        Not fitted; cloned for each check. It must take numeric sequences of two
        features. Its tag `estimator_type` decides what y is: "tagger" and
        "step_regressor" get a target for each step, "forecaster" the next step,
        "translator" and "transcriber" a text, "generator" a class, and X of 0 and 1.
        "outlier_detector" ignores it.

    Raises
    ------
    AssertionError
        If a property does not hold.

    Examples
    --------
    >>> from sklearn_rnn import RNNRegressor
    >>> from sklearn_rnn.utils.estimator_checks import check_sequence_estimator
    >>> check_sequence_estimator(
    ...     RNNRegressor(hidden_size=3, max_epochs=2, n_iter_no_change=1)
    ... )
    """
    for check in yield_sequence_checks():
        check(type(estimator).__name__, estimator)


def yield_sequence_checks() -> Iterator[Check]:
    """Yield the checks of this module."""
    yield check_containers_are_equivalent
    yield check_order_changes_nothing
    yield check_batch_mates_change_nothing
    yield check_padding_changes_nothing
    yield check_other_lengths_at_predict
    yield check_weight_counts_as_copies
    yield check_fit_is_deterministic
    yield check_global_generators_are_left_alone
    yield check_threads_differ_by_rounding
    yield check_fitted_twice_is_fitted_once
    yield check_pickle_keeps_predictions
    yield check_encode_and_hidden_states
    yield check_errors_name_the_sequence


def check_containers_are_equivalent(name: str, estimator: Any) -> None:
    """The container of X affects neither fit nor predict."""
    X, y = _make_data(estimator)
    reference = _fit(estimator, X, y)
    expected = _answer(reference, X)
    for label, container in _containers(X).items():
        message = f"{name} on {label}"
        assert_array_equal(_answer(reference, container), expected, message)
        other = _answer(_fit(estimator, container, y), X)
        assert_array_equal(other, expected, message)


def check_order_changes_nothing(name: str, estimator: Any) -> None:
    """Predictions follow their sequences."""
    X, y = _make_data(estimator)
    fitted = _fit(estimator, X, y)
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = _answers(fitted, [X[i] for i in order])
    answers = _answers(fitted, X)
    for i, j in enumerate(order):
        assert_array_equal(shuffled[i], answers[j], name)


def check_batch_mates_change_nothing(name: str, estimator: Any) -> None:
    """A sequence alone has the prediction it has among others."""
    X, y = _make_data(estimator)
    fitted = _fit(estimator, X, y)
    together = _answer(fitted, X)
    alone = np.concatenate([_answer(fitted, [x]) for x in X])
    many = _answer(fitted, X * 20)  # more than a batch
    _assert_same(alone, together, fitted, name)
    _assert_same(many, np.concatenate([together] * 20), fitted, name)


def check_padding_changes_nothing(name: str, estimator: Any) -> None:
    """Neither a much longer batch mate nor NaN padding that is cut off shows."""
    X, y = _make_data(estimator)
    fitted = _fit(estimator, X, y)
    expected = _answer(fitted, X)
    beside_long = _answers(fitted, [*X, np.zeros((200, 2), np.float32)])[:-1]
    _assert_same(_flatten(beside_long), expected, fitted, name)
    padded = RaggedArray.from_padded(RaggedArray.from_sequences(X).to_padded())
    assert_array_equal(_answer(fitted, padded), expected, name)


def check_other_lengths_at_predict(name: str, estimator: Any) -> None:
    """Sequences may be shorter and longer than those of fit: one step and up."""
    X, y = _make_data(estimator)
    fitted = _fit(estimator, X, y)
    for n_steps in (1, 2, 100):
        answers = _answers(fitted, np.ones((3, n_steps, 2)))
        assert np.isfinite(_flatten(answers)).all(), name
        for answer in answers[1:]:
            _assert_same(answer, answers[0], fitted, name)


def check_weight_counts_as_copies(name: str, estimator: Any) -> None:
    """In one batch, a weight of 2 is two copies, and a weight of 0 no sample.

    A detector of outliers has no weights.
    """
    if _detects(estimator):
        return
    X, y = _make_data(estimator)
    X, y = X[:12], y[:12]
    weight = np.array([2, 1, 0, 3, 1, 1] * 2, dtype=float)
    rows = np.repeat(np.arange(12), weight.astype(int))
    weighted = _fit(estimator, X, y, sample_weight=weight)
    repeated = _fit(estimator, [X[i] for i in rows], y[rows])
    unweighted = _fit(estimator, X, y)
    assert_allclose(_answer(weighted, X), _answer(repeated, X), rtol=1e-6, err_msg=name)
    assert not np.allclose(_answer(weighted, X), _answer(unweighted, X)), name


def check_fit_is_deterministic(name: str, estimator: Any) -> None:
    """`random_state` decides the result, to the last bit, and decides something."""
    X, y = _make_data(estimator)
    first, second = (_fit(estimator, X, y) for _ in range(2))
    assert first.loss_curve_ == second.loss_curve_, name
    for a, b in zip(
        first.module_.parameters(), second.module_.parameters(), strict=True
    ):
        assert torch.equal(a, b), name
    other = clone(estimator).set_params(random_state=1).fit(X, y)
    assert first.loss_curve_ != other.loss_curve_, name


def check_global_generators_are_left_alone(name: str, estimator: Any) -> None:
    """NumPy's and torch's global generators are neither read nor moved."""
    X, y = _make_data(estimator)
    numpy_state: Any = np.random.get_state()
    torch_state = torch.get_rng_state()
    first = _fit(estimator, X, y)
    _answer(first, X)
    clone(estimator).set_params(random_state=None).fit(X, y)
    now: Any = np.random.get_state()
    assert_array_equal(now[1], numpy_state[1], name)
    assert now[2] == numpy_state[2], name
    assert torch.equal(torch.get_rng_state(), torch_state), name
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        assert _fit(estimator, X, y).loss_curve_ == first.loss_curve_, name


def check_threads_differ_by_rounding(name: str, estimator: Any) -> None:
    """One thread or two: the same result, but for rounding."""
    X, y = _make_data(estimator)
    estimator = clone(estimator).set_params(max_epochs=2)
    before = torch.get_num_threads()
    answers: list[Any] = []
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            answers.append(_answer(_fit(estimator, X, y), X))
    finally:
        torch.set_num_threads(before)
    assert_allclose(answers[0], answers[1], rtol=1e-3, atol=1e-4, err_msg=name)


def check_fitted_twice_is_fitted_once(name: str, estimator: Any) -> None:
    """A second fit does not depend on the first."""
    X, y = _make_data(estimator)
    once = _fit(estimator, X, y)
    steps = _answers_steps(estimator)
    first_y = np.array([np.resize(labels, 4) for labels in y]) if steps else y
    if _forecasts(estimator):
        first_y = y[..., 0]  # of one variable
    twice = _fit(estimator, np.ones((len(y), 4)), first_y).fit(X, y)
    assert_array_equal(_answer(once, X), _answer(twice, X), name)
    assert once.loss_curve_ == twice.loss_curve_, name


def check_pickle_keeps_predictions(name: str, estimator: Any) -> None:
    """A pickled estimator predicts the same, and can be trained on."""
    X, y = _make_data(estimator)
    fitted = _fit(estimator, X, y)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(_answer(loaded, X), _answer(fitted, X), name)
    for one in (fitted, loaded):
        if hasattr(one, "warm_start"):
            one.set_params(warm_start=True)
        one.fit(X, y)
    assert loaded.loss_curve_ == fitted.loss_curve_, name
    assert_array_equal(_answer(loaded, X), _answer(fitted, X), name)


def check_encode_and_hidden_states(name: str, estimator: Any) -> None:
    """`encode` gives a vector a sequence; `hidden_states` one a step of the network.

    An estimator that predicts at every step, or writes a text, has no `encode`; a
    forecaster and a detector of outliers have neither.
    """
    if _forecasts(estimator) or _detects(estimator) or _generates(estimator):
        return
    X, y = _make_data(estimator)
    fitted = _fit(estimator, X, y)
    states = fitted.hidden_states(X)
    assert isinstance(states, RaggedArray), name
    for x, state in zip(X, states, strict=True):
        _assert_same(fitted.hidden_states([x])[0], state, fitted, name)
    if _answers_steps(estimator) or _writes(estimator):
        return
    vectors = fitted.encode(X)
    assert vectors.shape == (len(X), fitted.module_.pooling.output_size), name
    if fitted.pooling == "mean":
        means = np.array([state.mean(axis=0) for state in states])
        assert_allclose(vectors, means, rtol=1e-4, atol=1e-5, err_msg=name)


def check_errors_name_the_sequence(name: str, estimator: Any) -> None:
    """Errors about a sequence give its number."""
    X, y = _make_data(estimator)
    fitted = _fit(estimator, X, y)
    nan = X[4].copy()
    nan[2, 1] = np.nan
    spoils = [
        (nan, "X[4] has NaN at step 2, feature 1"),
        (np.zeros((3, 5)), "X[4] has 5 features"),
    ]
    if not (_answers_steps(estimator) or _generates(estimator)):  # these accept them
        spoils.append((np.zeros((0, 2)), "X[4] is an empty sequence"))
    for bad, fragment in spoils:
        spoiled = [*X[:4], bad, *X[5:]]
        assert fragment in _error_of(clone(estimator).fit, spoiled, y), name
        assert fragment in _error_of(_answers, fitted, spoiled), name


# Data and helpers -------------------------------------------------------------------


def _answers_steps(estimator: Any) -> bool:
    """Whether y has a target for each step."""
    kind = get_tags(estimator).estimator_type
    return kind in ("tagger", "step_regressor")


def _forecasts(estimator: Any) -> bool:
    return get_tags(estimator).estimator_type == "forecaster"


def _detects(estimator: Any) -> bool:
    return get_tags(estimator).estimator_type == "outlier_detector"


def _generates(estimator: Any) -> bool:
    return get_tags(estimator).estimator_type == "generator"


def _writes(estimator: Any) -> bool:
    """Whether y is a text."""
    return get_tags(estimator).estimator_type in ("translator", "transcriber")


def _has_classes(estimator: Any) -> bool:
    kind = get_tags(estimator).estimator_type
    return kind in ("classifier", "tagger")


def _make_data(estimator: Any) -> tuple[list[NDArray], NDArray]:
    """24 ragged sequences of two features, with targets for the estimator."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 12, 24)
    X = [rng.normal(size=(n, 2)).astype(np.float32) for n in lengths]
    if _forecasts(estimator):
        return X, np.stack([x[-1:] / 2 for x in X])  # one step ahead
    if _generates(estimator) or _writes(estimator):
        y = np.array(["u" if x[:, 0].mean() > 0 else "d" for x in X], dtype=object)
        if _generates(estimator):
            X = [(x > 0).astype(np.float32) for x in X]
        return X, y
    y = np.empty(len(X), dtype=object)
    for i, x in enumerate(X):
        numbers = x.mean(axis=1) if _answers_steps(estimator) else x[:, 0].mean()
        labels = np.where(numbers > 0, "up", "down")
        if get_tags(estimator).target_tags.positive_only:
            numbers = np.abs(numbers)
        y[i] = labels if _has_classes(estimator) else numbers
    return X, y if _answers_steps(estimator) else np.array(y.tolist())


def _containers(X: list[NDArray]) -> dict[str, Any]:
    objects = np.empty(len(X), dtype=object)
    objects[:] = X
    tensors = [torch.from_numpy(x) for x in X]
    return {
        "a tuple": tuple(X),
        "lists of lists": [x.tolist() for x in X],
        "float64": [x.astype(np.float64) for x in X],
        "Fortran order": [np.asfortranarray(x) for x in X],
        "an object array": objects,
        "a RaggedArray": RaggedArray.from_sequences(X),
        "tensors": tensors,
        "a jagged tensor": torch.nested.nested_tensor(tensors, layout=torch.jagged),
    }


def _fit(estimator: Any, X: Any, y: Any, **params: Any) -> Any:
    return clone(estimator).set_params(random_state=0).fit(X, y, **params)


def _answer(fitted: Any, X: Any) -> NDArray:
    """Return predictions, those of steps end to end."""
    return _flatten(_answers(fitted, X))


def _answers(fitted: Any, X: Any) -> Any:
    """Return a prediction, or an array of those of all steps, a sequence."""
    if _detects(fitted):
        return fitted.score_steps(X)
    if _generates(fitted) or _writes(fitted):
        n = X.size(0) if isinstance(X, torch.Tensor) else len(X)
        return fitted.score_samples(X, ["u"] * n)
    return fitted.predict_proba(X) if _has_classes(fitted) else fitted.predict(X)


def _flatten(answers: Any) -> NDArray:
    if isinstance(answers, RaggedArray) or answers.dtype == object:
        return np.concatenate(list(answers))
    return answers


def _error_of(function: Callable[..., Any], *args: Any) -> str:
    """Return the message of the ValueError that a call raises; "" if it does not."""
    try:
        function(*args)
    except ValueError as error:
        return str(error)
    return ""


def _assert_same(actual: NDArray, expected: NDArray, fitted: Any, name: str) -> None:
    """Assert equality: bitwise on the CPU, to 1e-6 elsewhere."""
    if next(fitted.module_.parameters()).device.type == "cpu":
        assert_array_equal(actual, expected, name)
    else:
        assert_allclose(actual, expected, rtol=1e-5, atol=1e-6, err_msg=name)
