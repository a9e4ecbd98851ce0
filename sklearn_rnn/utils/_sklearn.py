"""Private names of scikit-learn used in this package."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils import estimator_html_repr
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import (
    HasMethods,
    InvalidParameterError,
    StrOptions,
    validate_params,
)
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils._set_output import (
    _wrap_data_with_container as wrap_data_with_container,
)
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call as check_partial_fit_first_call,
)
from sklearn.utils.validation import _check_feature_names as check_feature_names
from sklearn.utils.validation import (
    _check_feature_names_in as check_feature_names_in,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight


class Interval(_Interval):
    """Integers or floats between limits; no fractions, on which `isnan` fails.

    True is no count: who sets ``random_kernels=True`` does not mean one of them.
    """

    def is_satisfied_by(self, val: Any) -> bool:
        if isinstance(val, bool) and self.type is Integral:
            return False
        is_number = isinstance(val, Integral | float | np.floating)
        return is_number and super().is_satisfied_by(val)


__all__ = [
    "BaseScorer",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "StrOptions",
    "check_feature_names",
    "check_feature_names_in",
    "check_pandas_support",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "estimator_html_repr",
    "fit_context",
    "safe_indexing",
    "validate_params",
    "wrap_data_with_container",
]
