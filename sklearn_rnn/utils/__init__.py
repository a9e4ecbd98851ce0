"""Private scikit-learn names, devices and seeds, estimator checks."""

from sklearn_rnn.utils._html import learning_curve_svg
from sklearn_rnn.utils._interrupts import finally_do
from sklearn_rnn.utils._sklearn import (
    BaseScorer,
    HasMethods,
    Interval,
    StrOptions,
    check_feature_names,
    check_feature_names_in,
    check_pandas_support,
    check_partial_fit_first_call,
    check_sample_weight,
    estimator_html_repr,
    fit_context,
    safe_indexing,
    validate_params,
    wrap_data_with_container,
)
from sklearn_rnn.utils._torch import (
    draw_seed,
    isolated_seed,
    make_generator,
    make_random_state,
    neutral_torch_state,
    resolve_device,
)

__all__ = [
    "BaseScorer",
    "HasMethods",
    "Interval",
    "StrOptions",
    "check_feature_names",
    "check_feature_names_in",
    "check_pandas_support",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "draw_seed",
    "estimator_html_repr",
    "finally_do",
    "fit_context",
    "isolated_seed",
    "learning_curve_svg",
    "make_generator",
    "make_random_state",
    "neutral_torch_state",
    "resolve_device",
    "safe_indexing",
    "validate_params",
    "wrap_data_with_container",
]
