"""Constructor parameters: written once, in tools/parameters.toml."""

import importlib.util
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from sklearn.utils._param_validation import make_constraint

from sklearn_rnn import (
    RNNAnomalyDetector,
    RNNClassifier,
    RNNForecaster,
    RNNGenerator,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
    RNNTranscriber,
    RNNTranslator,
)
from sklearn_rnn._parameters import CONSTRAINTS, constraints_of

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "tools" / "write_parameters.py"
TABLE = tomllib.loads((ROOT / "tools" / "parameters.toml").read_text())
ESTIMATORS = {
    cls.__name__: cls
    for cls in (
        RNNAnomalyDetector,
        RNNClassifier,
        RNNForecaster,
        RNNGenerator,
        RNNRegressor,
        RNNStepRegressor,
        RNNTagger,
        RNNTranscriber,
        RNNTranslator,
    )
}

spec = importlib.util.spec_from_file_location("write_parameters", SCRIPT)
write_parameters = importlib.util.module_from_spec(spec)
spec.loader.exec_module(write_parameters)


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Copies of the estimators' files, where the tool finds them."""
    monkeypatch.setattr(write_parameters, "ROOT", tmp_path)
    (tmp_path / "sklearn_rnn").mkdir()
    for estimator in TABLE["estimators"].values():
        (tmp_path / estimator["file"]).write_text(
            (ROOT / estimator["file"]).read_text()
        )
    return tmp_path / "sklearn_rnn"


def test_sources_follow_the_table():
    command = [sys.executable, str(SCRIPT), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout + result.stderr == ""
    assert result.returncode == 0


EDITS = {
    "default": ("        batch_size=32,", "        batch_size=64,"),
    "assignment": ("        self.tol = tol", "        self.tol = float(tol)"),
    "documented default": (
        "    batch_size : int, default=32",
        "    batch_size : int, default=64",
    ),
    "text": ("        Lowest training loss.", "        Best training loss."),
    "missing parameter": ("        batch_size=32,\n        max", "        max"),
}


@pytest.mark.parametrize(("old", "new"), EDITS.values(), ids=EDITS)
def test_an_edited_source_is_shown_and_rewritten(old, new, sources, capsys):
    path = sources / "_classifier.py"
    source = path.read_text()
    edited = source.replace(old, new)
    assert edited != source
    path.write_text(edited)

    assert write_parameters.main(["--check"]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert "--- sklearn_rnn/_classifier.py" in shown
    assert "+" + old.splitlines()[0] in shown
    assert "--- sklearn_rnn/_regressor.py" not in shown
    assert path.read_text() == edited  # --check does not write

    assert write_parameters.main([]) == 0
    assert path.read_text() == source


NEW_SOURCE = '''
class RNNSomething:
    """Do something.

    Parameters
    ----------

    Attributes
    ----------

    Examples
    --------
    >>> RNNSomething()
    """

    def __init__(self):
        pass

    def predict(self, X):
        return X
'''


def test_an_estimator_is_added_by_a_list_of_names():
    estimator = {
        "parameters": ["tol", "conv_channels", "cell"],
        "attributes": ["module_"],
        "overrides": {
            "conv_channels": {"type": "int or None, default=None"},
            "module_": {"text": "The module."},
        },
    }
    table = {**TABLE, "estimators": {"RNNSomething": estimator}}
    source = write_parameters.render_source(NEW_SOURCE, "RNNSomething", table)

    namespace = {}
    exec(source, namespace)
    cls = namespace["RNNSomething"]
    signature = "(*, cell='gru', conv_channels=None, tol=0.0001)"
    assert str(inspect.signature(cls)) == signature
    assert vars(cls(tol=1)) == {"cell": "gru", "conv_channels": None, "tol": 1}
    assert "conv_channels : int or None, default=None\n" in cls.__doc__
    assert cls.__doc__.endswith(
        "\n    module_ : torch.nn.Module\n        The module.\n"
        "\n    Examples\n    --------\n    >>> RNNSomething()\n    "
    )
    assert cls().predict(3) == 3
    again = write_parameters.render_source(source, "RNNSomething", table)
    assert again == source


def test_an_unknown_name_in_the_table_is_named():
    table = {**TABLE, "estimators": {"RNNSomething": {"parameters": ["gate"]}}}
    with pytest.raises(SystemExit, match=r"RNNSomething has parameters .*'gate'"):
        write_parameters.render_source(NEW_SOURCE, "RNNSomething", table)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class RNNSomething", "class RNNOther", "No RNNSomething"),
        ("def __init__", "def start", "No RNNSomething.__init__"),
        ("    Parameters\n", "", "RNNSomething has no section Parameters"),
        ("    Attributes\n", "", "RNNSomething has no section Attributes"),
    ],
)
def test_a_source_without_a_place_to_write_to_is_an_error(old, new, message):
    estimator = {"parameters": ["cell"], "attributes": ["net_"]}
    table = {**TABLE, "estimators": {"RNNSomething": estimator}}
    source = NEW_SOURCE.replace(old, new, 1)
    with pytest.raises(SystemExit, match=message):
        write_parameters.render_source(source, "RNNSomething", table)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_overrides_belong_to_entries_of_the_estimator(name):
    estimator = TABLE["estimators"][name]
    used = {*estimator["parameters"], *estimator["attributes"]}
    assert set(estimator.get("overrides", {})) <= used


def test_every_public_estimator_is_in_the_table():
    assert set(TABLE["estimators"]) == set(ESTIMATORS)


def test_each_parameter_has_constraints_and_a_text():
    assert set(CONSTRAINTS) == set(TABLE["parameters"])


@pytest.mark.parametrize("cls", ESTIMATORS.values())
def test_constraints_are_those_of_the_constructor(cls):
    assert list(cls._parameter_constraints) == list(inspect.signature(cls).parameters)


@pytest.mark.parametrize("cls", ESTIMATORS.values())
def test_defaults_are_accepted(cls):
    for name, parameter in inspect.signature(cls).parameters.items():
        accepted = map(make_constraint, cls._parameter_constraints[name])
        assert any(c.is_satisfied_by(parameter.default) for c in accepted), name


def test_an_estimator_has_no_constraints_for_parameters_it_leaves_out():
    def constructor(self, *, cell="gru", tol=0.0): ...

    assert set(constraints_of(constructor)) == {"cell", "tol"}
