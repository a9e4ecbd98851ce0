"""What scikit-learn's plain transformers learn: the attributes that are saved."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklearn_rnn.utils import (
    BOOL,
    COUNT,
    FEATURE_NAMES,
    TEXT,
    Kind,
    array_of,
    list_of,
    may_lack,
    optional,
)


def _is_row(value: Any, kinds: str, length: int) -> bool:
    return array_of(kinds).fits(value, {}) and len(value) == length


def _one_a_feature(kinds: str = "f") -> Kind:
    return Kind(
        f"an array of the kinds {kinds!r}, one value a feature",
        lambda v, s: _is_row(v, kinds, s["n_features_in_"]),
    )


def _list_a_feature(kind: Kind) -> Kind:
    return Kind(
        f"a list with, for each feature, {kind.accepted}",
        lambda v, s: list_of(kind).fits(v, s) and len(v) == s["n_features_in_"],
    )


def _row_of(length: str) -> Kind:
    """Return the kind of a row as long as another value counts."""
    return Kind(f"{length} floats", lambda v, s: _is_row(v, "f", s[length]))


def _table_of(length: str) -> Kind:
    """Return the kind of a table with as many rows, and a column a feature."""
    return Kind(
        f"{length} rows of floats, one a feature",
        lambda v, s: (
            array_of("f", 2).fits(v, s) and v.shape == (s[length], s["n_features_in_"])
        ),
    )


def _object_of(kind: type) -> Kind:
    return Kind(kind.__name__, lambda v, s: type(v) is kind)


_FLOATS = _one_a_feature()
_SAMPLES = Kind(
    "a number of samples, or one a feature",
    lambda v, s: (
        type(v) is int
        or isinstance(v, np.integer | np.floating)
        or _is_row(v, "if", s["n_features_in_"])
    ),
)
_FLOAT = Kind("a float", lambda v, s: isinstance(v, float | np.floating))
_DTYPE = Kind("a dtype", lambda v, s: isinstance(v, np.dtype))
_VALUES = array_of("biufUO")
_INFREQUENT = {  # of encoders with min_frequency or max_categories
    "_infrequent_indices": may_lack(_list_a_feature(optional(array_of("i")))),
    "_default_to_infrequent_mappings": may_lack(
        _list_a_feature(optional(array_of("i")))
    ),
}
_VOCABULARY = Kind(
    "the number of each feature name",
    lambda v, s: v == {name: i for i, name in enumerate(s["feature_names_"])},
)
_LAYOUT = {"n_features_in_": COUNT, "feature_names_in_": may_lack(FEATURE_NAMES)}
_ALL_FLOATS: dict[type[BaseEstimator], tuple[str, ...]] = {
    Normalizer: (),
    Binarizer: (),
    VarianceThreshold: ("variances_",),
}

LEARNED: dict[type[BaseEstimator], dict[str, Kind]] = {
    **{
        kind: {**_LAYOUT, **dict.fromkeys(names, _FLOATS)}
        for kind, names in _ALL_FLOATS.items()
    },
    StandardScaler: {
        **_LAYOUT,
        "n_samples_seen_": _SAMPLES,
        **dict.fromkeys(("mean_", "var_", "scale_"), optional(_FLOATS)),
    },
    MinMaxScaler: {
        **_LAYOUT,
        "n_samples_seen_": _SAMPLES,
        **dict.fromkeys(("scale_", "min_"), _FLOATS),
        **dict.fromkeys(("data_min_", "data_max_", "data_range_"), _FLOATS),
    },
    MaxAbsScaler: {
        **_LAYOUT,
        "n_samples_seen_": _SAMPLES,
        **dict.fromkeys(("max_abs_", "scale_"), _FLOATS),
    },
    RobustScaler: {
        **_LAYOUT,
        **dict.fromkeys(("center_", "scale_"), optional(_FLOATS)),
    },
    PowerTransformer: {
        **_LAYOUT,
        "lambdas_": _FLOATS,
        "_scaler": may_lack(_object_of(StandardScaler)),
    },
    QuantileTransformer: {
        **_LAYOUT,
        "n_quantiles_": COUNT,
        "references_": _row_of("n_quantiles_"),
        "quantiles_": _table_of("n_quantiles_"),
    },
    KBinsDiscretizer: {
        **_LAYOUT,
        "n_bins_": _one_a_feature("i"),
        "bin_edges_": Kind(
            "an array of edges for each feature",
            lambda v, s: (
                _is_row(v, "O", s["n_features_in_"])
                and all(array_of("f").fits(edges, s) for edges in v)
            ),
        ),
        "_encoder": may_lack(_object_of(OneHotEncoder)),
    },
    PolynomialFeatures: {
        **_LAYOUT,
        **dict.fromkeys(("_min_degree", "_max_degree"), COUNT),
        **dict.fromkeys(("n_output_features_", "_n_out_full"), COUNT),
    },
    PCA: {
        **_LAYOUT,
        "_fit_svd_solver": TEXT,
        "mean_": _FLOATS,
        "n_samples_": COUNT,
        "n_components_": COUNT,
        "noise_variance_": _FLOAT,
        "components_": _table_of("n_components_"),
        **dict.fromkeys(
            ("explained_variance_", "explained_variance_ratio_", "singular_values_"),
            _row_of("n_components_"),
        ),
    },
    SimpleImputer: {
        **_LAYOUT,
        **dict.fromkeys(("_fit_dtype", "_fill_dtype"), _DTYPE),
        "indicator_": optional(_object_of(MissingIndicator)),
        "statistics_": _one_a_feature("fiO"),
    },
    MissingIndicator: {
        **_LAYOUT,
        "_precomputed": BOOL,
        "_n_features": COUNT,
        "features_": array_of("i"),
    },
    OneHotEncoder: {
        **_LAYOUT,
        "categories_": _list_a_feature(_VALUES),
        **dict.fromkeys(
            ("drop_idx_", "_drop_idx_after_grouping"), optional(_one_a_feature("iO"))
        ),
        "_infrequent_enabled": BOOL,
        "_n_features_outs": _list_a_feature(COUNT),
        **_INFREQUENT,
    },
    OrdinalEncoder: {
        **_LAYOUT,
        "categories_": _list_a_feature(_VALUES),
        "_infrequent_enabled": BOOL,
        "_missing_indices": Kind(
            "a dict of the number of a feature and that of its missing category",
            lambda v, s: (
                isinstance(v, dict)
                and all(COUNT.fits(i, s) and i < s["n_features_in_"] for i in v)
                and all(COUNT.fits(i, s) for i in v.values())
            ),
        ),
        **_INFREQUENT,
    },
    DictVectorizer: {"feature_names_": list_of(TEXT), "vocabulary_": _VOCABULARY},
}
