"""Docstrings: numpydoc's rules, true defaults, the same words everywhere."""

import inspect
import re
from importlib import import_module

import numpy as np
import pytest
from numpydoc.docscrape import FunctionDoc, NumpyDocString
from numpydoc.validate import validate
from test_public_api import PUBLIC

from sklearn_rnn import (
    RaggedArray,
    RNNClassifier,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
    RNNTranscriber,
    datasets,
    inspection,
    nn,
    preprocessing,
)
from sklearn_rnn.datasets import read_ts, read_wav
from sklearn_rnn.utils import estimator_checks

ESTIMATORS = [
    RNNClassifier,
    RNNRegressor,
    RNNTagger,
    RNNStepRegressor,
    RNNTranscriber,
]
OF_STEPS = [RNNTagger, RNNStepRegressor]
IN_PREPROCESSING = [getattr(preprocessing, name) for name in preprocessing.__all__]
TRANSFORMERS = [obj for obj in IN_PREPROCESSING if inspect.isclass(obj)]
IN_INSPECTION = [getattr(inspection, name) for name in inspection.__all__]
DISPLAYS = [obj for obj in IN_INSPECTION if inspect.isclass(obj)]
IN_NN = [getattr(nn, name) for name in nn.__all__]
LAYERS = [obj for obj in IN_NN if inspect.isclass(obj)]
CLASSES = [*ESTIMATORS, *TRANSFORMERS, *DISPLAYS, *LAYERS]
OBJECTS = [
    getattr(import_module(module), name)
    for module in PUBLIC
    for name in PUBLIC[module]
    if not name.endswith("_scorer") or name.startswith("make_")  # ready objects
]
# what numpydoc would like and we do not: an extended summary, See Also and Examples of
# everything, results without a name, the Yields of a context manager
IGNORED = {"ES01", "SA01", "EX01", "RT02", "YD01"}


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
    for cls in [*CLASSES, RaggedArray]
    for name in public_methods(cls)
]


@pytest.mark.parametrize("name", NAMES)
def test_numpydoc_finds_nothing_wrong(name):
    errors = [f"{c}: {t}" for c, t in validate(name)["errors"] if c not in IGNORED]
    assert errors == []


def find(name):
    """Return what has a dotted name: a class, a function, a method or a property."""
    *path, last = name.split(".")
    owner = import_module(".".join(p for p in path if not p[0].isupper()))
    for part in [p for p in path if p[0].isupper()] + [last]:
        owner = getattr(owner, part)
    return owner


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_documented(name):
    owner = find(name)
    doc = (
        FunctionDoc(owner)
        if inspect.isroutine(owner)
        else NumpyDocString(owner.__doc__)
    )
    assert doc["Summary"]
    if inspect.isroutine(owner):
        parameters = set(inspect.signature(owner).parameters) - {"self", "cls"}
        assert {p.name.lstrip("*") for p in doc["Parameters"]} == parameters, name


def documented_parameters(owner):
    """Return {name: type} as documented."""
    entries = NumpyDocString(inspect.getdoc(owner))["Parameters"]
    return {n.lstrip("*"): p.type for p in entries for n in p.name.split(", ")}


@pytest.mark.parametrize("cls", CLASSES)
def test_documented_parameters_are_those_of_the_signature(cls):
    assert list(documented_parameters(cls)) == list(inspect.signature(cls).parameters)


@pytest.mark.parametrize("name", [n for n in NAMES if callable(find(n))])
def test_documented_defaults_are_those_of_the_signature(name):
    owner = find(name)
    signature = inspect.signature(owner).parameters
    for parameter, kind in documented_parameters(owner).items():
        default = signature[parameter].default
        text = re.search(r"default=(.+)$", kind.replace("\\ ", ""))
        if default is inspect.Parameter.empty:
            assert text is None, f"{parameter} has no default"
        elif kind == "None":  # "Ignored.": nothing but None is to be passed
            assert default is None
        else:
            assert text is not None, f"{parameter} has no documented default"
            assert repr(eval(text[1], {"nan": float("nan")})) == repr(default)


def test_the_same_parameter_has_the_same_words():
    texts = {}
    # the X of SequenceBuilder is a table: its words are about columns and rows
    takes_sequences = {*ESTIMATORS, *TRANSFORMERS} - {preprocessing.SequenceBuilder}
    for cls in takes_sequences:
        doc = NumpyDocString(cls.__doc__)
        for entry in [*doc["Parameters"], *doc["Attributes"]]:
            texts.setdefault(entry.name, []).append((entry.type, entry.desc))
    differ = {name for name, both in texts.items() if len(set(map(str, both))) > 1}
    # what truly differs between classes and numbers, sequences and steps
    assert differ <= {
        "conv_channels",
        "random_kernels",
        "network_share_",
        "dropout",
        "max_epochs",
        "early_stopping",
        "validation_fraction",
        "classes_",
        "n_outputs_",
        "loss_curve_",
        "validation_scores_",
        "weight_averaging",
    }


# what is no parameter of a constructor, and what truly differs there
FAMILIES = {
    "methods of estimators": (
        ESTIMATORS,
        {"X", "y", "sample_weight", "sample_weight_val"},
    ),
    "methods of transformers": (
        # X of the others are recordings, tables, texts or words
        set(TRANSFORMERS)
        - {
            preprocessing.AudioFeatures,
            preprocessing.SequenceBuilder,
            preprocessing.SequenceTokenizer,
            preprocessing.WordAttributes,
        },
        {"X", "y"},
    ),
    "methods of displays": (
        # those of TrainingDisplay and ForecastDisplay have several panels
        set(DISPLAYS) - {inspection.TrainingDisplay, inspection.ForecastDisplay},
        {"X", "y", "y_pred", "estimator", "name", "sample"},
    ),
    "methods of layers": (LAYERS, {"x"}),
    "fetchers": (
        [getattr(datasets, n) for n in datasets.__all__ if n.startswith("fetch_")],
        {"subset", "as_frame"},
    ),
    "makers": (
        [getattr(datasets, n) for n in datasets.__all__ if n.startswith("make_")],
        {"n_samples", "n_steps", "n_classes"},
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_parameter_has_the_same_words_in_functions_and_methods(family):
    members, differs = FAMILIES[family]
    texts = {}
    for member in members:
        is_class = inspect.isclass(member)
        names = public_methods(member) if is_class else []
        for function in [getattr(member, n) for n in names] or [member]:
            for entry in FunctionDoc(function)["Parameters"]:
                texts.setdefault(entry.name, set()).add(" ".join(entry.desc))
    assert {name for name, words in texts.items() if len(words) > 1} <= differs


OF_SEQUENCES = "pooling", "conv_stride", "conv_pooling"
# what an estimator has and not all others have
OF_SEQUENCES = {
    *("pooling", "conv_stride", "conv_pooling", "random_kernels", "scoring"),
}
OWN_PARAMETERS = {
    RNNClassifier: {*OF_SEQUENCES, "ngrams", "class_weight"},
    RNNRegressor: {*OF_SEQUENCES, "loss", "quantile"},
    RNNTagger: {"crf", "scheme", "class_weight"},
    RNNStepRegressor: {"loss", "quantile"},
    RNNTranscriber: {"target_level", "conv_stride", "upsample", "beam_size"},
}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_estimators_have_the_same_parameters_in_the_same_order(cls):
    names = list(inspect.signature(cls).parameters)
    for other in ESTIMATORS:
        theirs = list(inspect.signature(other).parameters)
        assert [p for p in names if p in theirs] == [p for p in theirs if p in names]
    common = set.intersection(
        *(set(inspect.signature(other).parameters) for other in ESTIMATORS)
    )
    assert set(names) - common == OWN_PARAMETERS[cls]


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_documented_attributes_are_those_of_a_fitted_estimator(cls, ragged):
    X, _ = ragged
    y = [np.arange(len(x)) % 2 for x in X] if cls in OF_STEPS else [0, 1] * 20
    if cls is RNNTranscriber:
        y = ["a", "b"] * 20
    options = {"crf": True} if cls is RNNTagger else {}
    fitted = cls(max_epochs=1, hidden_size=2, **options).fit(X, y)
    documented = {p.name for p in NumpyDocString(cls.__doc__)["Attributes"]}
    properties = [n for n, _ in inspect.getmembers(cls, inspect.isdatadescriptor)]
    there = {
        name
        for name in [*vars(fitted), *properties]
        if name.endswith("_") and not name.startswith("_")
    }
    assert documented - {"feature_names_in_"} == there


@pytest.mark.parametrize(
    "obj",
    [
        *ESTIMATORS,
        *IN_PREPROCESSING,
        *IN_INSPECTION,
        *IN_NN,
        RaggedArray,
        read_ts,
        read_wav,
        estimator_checks.check_sequence_estimator,
    ],
    ids=lambda o: o.__name__,
)
def test_main_names_have_a_running_example(obj):
    assert ">>>" in obj.__doc__  # run by pytest --doctest-modules
