"""Docstrings: numpydoc's rules, true defaults, the same words everywhere."""

import inspect
import re
from importlib import import_module

import pytest
from numpydoc.docscrape import FunctionDoc, NumpyDocString
from numpydoc.validate import validate
from test_public_api import PUBLIC

from sklearn_rnn import (
    RaggedArray,
    RNNClassifier,
    RNNRegressor,
    inspection,
    preprocessing,
)
from sklearn_rnn.datasets import read_ts
from sklearn_rnn.utils import estimator_checks

ESTIMATORS = [RNNClassifier, RNNRegressor]
IN_PREPROCESSING = [getattr(preprocessing, name) for name in preprocessing.__all__]
TRANSFORMERS = [obj for obj in IN_PREPROCESSING if inspect.isclass(obj)]
IN_INSPECTION = [getattr(inspection, name) for name in inspection.__all__]
DISPLAYS = [obj for obj in IN_INSPECTION if inspect.isclass(obj)]
OBJECTS = [
    getattr(import_module(module), name) for module in PUBLIC for name in PUBLIC[module]
]
# what numpydoc would like and we do not: extended summaries, See Also and Examples of
# every method, a blank line after a section, line breaks at the start
IGNORED = {
    "GL01",
    "GL02",
    "GL03",
    "GL08",
    "ES01",
    "SA01",
    "SA04",
    "EX01",
    "SS05",
    "SS06",
    "RT02",
    "RT03",
    "PR01",
    "PR02",
    "PR06",
    "PR07",
    "PR08",
    "PR09",
    "YD01",
    "GL07",
}


def public_methods(cls):
    return [
        name
        for name, value in inspect.getmembers(cls, inspect.isroutine)
        if not name.startswith("_")
        and getattr(value, "__module__", "").startswith("sklearn_rnn")
    ]


def dotted(obj):
    return f"{obj.__module__}.{obj.__qualname__}"


NAMES = [dotted(o) for o in OBJECTS] + [
    f"{dotted(cls)}.{name}"
    for cls in [*ESTIMATORS, *TRANSFORMERS, *DISPLAYS, RaggedArray]
    for name in public_methods(cls)
]


@pytest.mark.parametrize("name", NAMES)
def test_numpydoc_finds_nothing_wrong(name):
    errors = [f"{c}: {t}" for c, t in validate(name)["errors"] if c not in IGNORED]
    assert errors == []


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_documented(name):
    *path, last = name.split(".")
    owner = import_module(".".join(p for p in path if not p[0].isupper()))
    for part in [p for p in path if p[0].isupper()] + [last]:
        owner = getattr(owner, part)
    doc = (
        FunctionDoc(owner)
        if inspect.isroutine(owner)
        else NumpyDocString(owner.__doc__)
    )
    assert doc["Summary"]
    if inspect.isroutine(owner):
        parameters = set(inspect.signature(owner).parameters) - {"self", "cls"}
        assert {p.name for p in doc["Parameters"]} == parameters, name


@pytest.mark.parametrize("cls", [*ESTIMATORS, *TRANSFORMERS, *DISPLAYS])
def test_documented_defaults_are_those_of_the_signature(cls):
    documented = {p.name: p.type for p in NumpyDocString(cls.__doc__)["Parameters"]}
    signature = inspect.signature(cls).parameters
    assert list(documented) == list(signature)
    for name, parameter in signature.items():
        text = re.search(r"default=(.+)$", documented[name].replace("\\ ", ""))
        if parameter.default is parameter.empty:
            assert text is None, f"{name} has no default"
            continue
        assert text is not None, f"{name} has no documented default"
        assert eval(text[1]) == parameter.default, name


def test_the_same_parameter_has_the_same_words():
    texts = {}
    # the X of SequenceBuilder is a table: its words are about columns and rows
    takes_sequences = {*ESTIMATORS, *TRANSFORMERS} - {preprocessing.SequenceBuilder}
    for cls in takes_sequences:
        doc = NumpyDocString(cls.__doc__)
        for entry in [*doc["Parameters"], *doc["Attributes"]]:
            texts.setdefault(entry.name, []).append((entry.type, entry.desc))
    differ = {name for name, both in texts.items() if len(set(map(str, both))) > 1}
    # what truly differs between classes and numbers
    assert differ <= {
        "validation_fraction",
        "n_outputs_",
        "loss_curve_",
        "validation_scores_",
    }


def test_both_classes_have_the_same_parameters_in_the_same_order():
    classifier, regressor = (list(inspect.signature(c).parameters) for c in ESTIMATORS)
    common = [p for p in classifier if p in regressor]
    assert [p for p in regressor if p in classifier] == common
    assert set(classifier) - set(common) == {"class_weight"}
    assert set(regressor) - set(common) == {"loss", "quantile"}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_documented_attributes_are_those_of_a_fitted_estimator(cls, ragged):
    X, _ = ragged
    fitted = cls(max_epochs=1, hidden_size=2).fit(X, [0, 1] * 20)
    documented = {p.name for p in NumpyDocString(cls.__doc__)["Attributes"]}
    there = {
        name
        for name in [*vars(fitted), "module_", "history_"]
        if name.endswith("_") and not name.startswith("_")
    }
    assert documented - {"feature_names_in_"} == there


@pytest.mark.parametrize(
    "obj",
    [
        *ESTIMATORS,
        *IN_PREPROCESSING,
        *IN_INSPECTION,
        RaggedArray,
        read_ts,
        estimator_checks.check_sequence_estimator,
    ],
    ids=lambda o: o.__name__,
)
def test_main_names_have_a_running_example(obj):
    assert ">>>" in obj.__doc__  # run by pytest --doctest-modules
