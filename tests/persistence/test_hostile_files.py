"""A file can hold anything: it is a ValueError or an estimator, and nothing else."""

import json
import os
import pickle
import struct
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import sklearn_rnn
from tests.persistence_attacks import (
    DELETED,
    change,
    put_together,
    seal,
    take_apart,
)
from tests.persistence_tools import CASES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a function that returns the bytes of a file of a case."""
    folder, found = tmp_path_factory.mktemp("made"), {}

    def get(case):
        if case not in found:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model, _ = CASES[case]()
            sklearn_rnn.save(model, folder / "model")
            found[case] = (folder / "model").read_bytes()
        return found[case]

    return get


@pytest.fixture
def plain(made):
    return made("sizes")


def assert_refused(data, match=None):
    Path("bad.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=match) as caught:
        sklearn_rnn.load("bad.safetensors")
    assert "'bad.safetensors' is no file that sklearn_rnn.load" in str(caught.value)


# Nothing runs -----------------------------------------------------------------------

WATCHED = """
import sys, torch, sklearn_rnn
torch.get_default_device()  # imports a part of torch, once
quiet = ("import", "exec", "compile", "open", "marshal.loads", "pickle.find_class")
rooms = ("socket.", "subprocess.", "os.", "ctypes.", "shutil.", "urllib.", "tempfile.")
seen = []

def watch(event, args):
    if seen is not None and (event in quiet or event.startswith(rooms)):
        seen.append((event, args))

sys.addaudithook(watch)
for path in sys.argv[1:]:
    seen.clear()
    sklearn_rnn.load(path)
    found, seen = seen, None
    assert found == [("open", (path, "r", found[0][1][2]))], (path, found)
    seen = found
print("nothing else")
"""


def test_loading_imports_executes_and_opens_nothing(made):
    """The first load of a process, with transformers of all kinds, opens one file."""
    cases = [
        *("defaults", "partial_fit", "decay", "frames", "scheme", "step regressor"),
        *("RandomState", "texts", "spelled words", "SimpleImputer", "KBinsDiscretizer"),
        *("PCA", "dicts", "gaps, linear", "long table", "tagger of sets", "days"),
        *("generator of words", "generator of classes", "generator of notes"),
        *("translator", "translator of ids", "translator of numbers"),
        *("forecaster of quantiles", "forecaster with covariates"),
    ]
    paths = [f"{i}.safetensors" for i, _ in enumerate(cases)]
    for path, case in zip(paths, cases, strict=True):
        Path(path).write_bytes(made(case))
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *paths],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "nothing else\n", done.stderr


class Exploit:
    def __reduce__(self):
        return Path.touch, (Path("exploited"),)


def make_torch_file():
    torch.save({"x": Exploit()}, "torch.pt")
    return Path("torch.pt").read_bytes()


def make_keras_file():
    with zipfile.ZipFile("model.keras", "w") as archive:
        config = {"module": "os", "class_name": "system", "config": {"command": "ls"}}
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("../../outside", b"x")
    return Path("model.keras").read_bytes()


@pytest.mark.parametrize(
    "make",
    [lambda: pickle.dumps(Exploit()), make_torch_file, make_keras_file, lambda: b""],
    ids=["pickle", "torch", "keras", "empty"],
)
def test_files_of_other_kinds_are_refused(make):
    assert_refused(make(), "does not begin as a file of sklearn_rnn.save")
    assert not Path("exploited").exists()


def test_a_pickle_behind_a_right_beginning_is_refused(plain):
    assert_refused(plain + pickle.dumps(Exploit()))
    assert_refused(seal(plain + pickle.dumps(Exploit())), "belong to no array")
    assert not Path("exploited").exists()


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "builtins.eval", "keras.src.layers.Lambda", "__main__.Mine"),
        *(
            "sklearn_rnn._classifier.RNNClassifier",
            "FunctionTransformer",
            "methodcaller",
        ),
        *("numpy.f2py.crackfortran.myeval", "MultiFuncToAPI", "BaseRNN", "type", ""),
    ],
)
def test_a_class_comes_from_the_table(plain, name):
    """Keras CVE-2024-3660, CVE-2025-1550; skops CVE-2024-37065, CVE-2025-54412."""
    assert_refused(change(plain, "class", name), "is not among the classes")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("module", "os"),
        ("registered_name", "x"),
        ("__reduce__", []),
        ("parameters.module", "os"),
        ("parameters.hidden_layer_sizes", 3),
        ("learned.__class__", "x"),
        ("learned.predict", "x"),
        ("learned.net_", {"type": "int"}),
        ("learned.vocabulary", {"dict": {"known": []}}),
        ("learned.targets.dict.state.dict.decode", "x"),
    ],
)
def test_unknown_keys_are_refused(plain, path, value):
    assert_refused(change(plain, path, value))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("cell", "os.system"),
        ("cell", {"type": "float"}),
        ("cell", {"object": {"class": "PCA", "parameters": {}, "learned": None}}),
        ("callbacks", "x"),
        ("optimizer", "torch.optim.Adam"),
        ("optimizer", {"type": "float"}),
        ("device", "meta"),
        ("device", "http://127.0.0.1/"),
        ("hidden_size", 10**9),
        ("hidden_size", [3, 10**30]),
        ("hidden_size", -1),
        ("num_layers", 10**9),
        ("conv_channels", {"tuple": [10**9, 10**9]}),
        ("conv_channels", 1),
        ("conv_stride", 0),
        ("pooling", "max"),
        ("pooling", "x"),
        ("dropout", 1.0),
        ("dropout", {"float": "nan"}),
        ("random_state", "x"),
        ("bidirectional", 0),
        ("learning_rate", {"float": "inf"}),
    ],
)
def test_parameters_are_those_of_the_weights(plain, parameter, value):
    data = change(plain, f"parameters.{parameter}", value)
    if parameter == "device" and not isinstance(value, dict):
        Path("bad.safetensors").write_bytes(data)
        with pytest.warns(UserWarning, match="is on the CPU"):
            assert sklearn_rnn.load("bad.safetensors").net_.device == "cpu"
    else:
        assert_refused(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("learned.n_features_in_", 10**9),
        ("learned.n_features_in_", 3),
        ("learned.n_features_in_", True),
        ("learned.feature_names_in_", {"objects": ["a"]}),
        ("learned.reads_table", True),
        ("learned.reads_tokens", True),
        ("learned.characters", [0, 2]),
        ("learned.targets.dict.kind", "NumberTargets"),
        ("learned.targets.dict.kind", "LabelTargets"),
        ("learned.targets.dict.state.dict.classes", {"objects": ["b", "a"]}),
        ("learned.targets.dict.state.dict.classes", {"objects": ["a", "b", "c"]}),
        ("learned.targets.dict.state.dict.classes", {"objects": [1, "b"]}),
        ("learned.targets.dict.state.dict.classes", ["a", "b"]),
        ("learned.loss_curve", [{"float": "nan"}]),
        ("learned.seed", -1),
        ("learned.random_state", None),
        ("learned.optimizer", "sgd"),
        ("learned.optimizer", "torch.optim.Adam"),
        ("learned.weight_decay", 0.5),
        ("learned.moments", []),
        ("learned.moments.0", {"dict": {}}),
        ("learned.history", [[]]),
        ("learned.history", [{"dict": {"epoch": {"tuple": []}}}]),
        ("learned.weights", {"dict": {}}),
        ("learned.weights.dict.inputs.mean", None),
        ("learned.weights.dict.extra", 1),
        ("learned.weights.dict", {"head.weight": {"array": "nowhere"}}),
        ("learned", {}),
        ("learned", []),
        ("learned", DELETED),
        ("parameters", None),
    ],
)
def test_what_was_learned_is_checked(plain, path, value):
    if path == "learned.weights.dict.inputs.mean":
        header, document, body = take_apart(plain)
        del document["object"]["object"]["learned"]["weights"]["dict"]["inputs.mean"]
        assert_refused(put_together(header, document, body), "inputs.mean")
    else:
        assert_refused(change(plain, path, value))


CODEC = "learned.codec.dict.state.dict"


@pytest.mark.parametrize(
    ("case", "path", "value"),
    [
        ("n-grams", "learned.ngrams", None),
        ("n-grams", "learned.ngrams", 0),
        ("n-grams", "learned.ngrams", 10**30),
        ("generator", "learned.reads_texts", False),
        ("generator", "learned.reads_notes", True),
        ("generator", "learned.n_features_in_", 1),
        ("generator", "learned.codec", None),
        ("generator", "learned.codec.dict.kind", "IdCodec"),
        ("generator", f"{CODEC}.vocabulary_", {"dict": {"a": 2}}),
        ("generator", f"{CODEC}.vocabulary_", {"dict": {"a": 2**40}}),
        ("generator", f"{CODEC}.merges", {"array": "x"}),
        ("generator", "parameters.level", "subword"),
        ("generator", "parameters.tie_weights", False),
        ("generator", "parameters.embedding_dim", 2),
        ("generator of classes", "learned.classes", None),
        ("generator of classes", "learned.classes", {"objects": ["b", "a"]}),
        ("generator of classes", "learned.classes", {"objects": []}),
        ("generator of ids", f"{CODEC}.known", {"objects": [1]}),
        ("generator of notes", "learned.n_features_in_", 2),
        ("generator of notes", "learned.n_features_in_", DELETED),
        ("generator of notes", "learned.codec", {"dict": {"kind": "IdCodec"}}),
        ("translator", "learned.max_length", 0),
        ("translator", "learned.writes_texts", False),
        ("translator", "learned.target_codec", None),
        ("translator", "parameters.attention", False),
        ("translator of ids", "learned.target_codec.dict.state.dict.tokens", [4, 3]),
        ("translator of ids", "learned.target_codec.dict.state.dict.tokens", [3, "a"]),
        ("translator of ids", "learned.reads_ids", False),
        ("translator of numbers", "learned.n_features_in_", 10**9),
        ("forecaster", "learned.context", 9),
        ("forecaster", "learned.segment_length", 9),
        ("forecaster", "learned.coef", None),
        ("forecaster", "learned.n_features_in_", 2),
        ("forecaster", "parameters.horizon", 3),
        ("forecaster", "parameters.calibration_origins", 2),
        ("forecaster of quantiles", "learned.errors", None),
        ("forecaster of quantiles", "parameters.quantiles", [0.1]),
        ("forecaster with covariates", "parameters.known_features", [0, 2]),
    ],
)
def test_what_other_estimators_learned_is_checked(made, case, path, value):
    assert_refused(change(made(case), path, value))


@pytest.mark.parametrize("name", ["keys", "table"])
def test_ngrams_are_in_order_and_each_has_a_row(made, name):
    Path("model.safetensors").write_bytes(made("n-grams"))
    rnn = sklearn_rnn.load("model.safetensors")
    branch = rnn.module_.ngram_branch
    changed = {"keys": branch.keys.flip(0), "table": branch.table[:-1].clone()}
    setattr(branch, name, changed[name])
    with pytest.raises(ValueError, match=r"ascending order|ngram_branch\.table"):
        sklearn_rnn.save(rnn, "bad.safetensors")


def test_an_array_stands_for_one_value(plain):
    header, document, body = take_apart(plain)
    weights = document["object"]["object"]["learned"]["weights"]["dict"]
    weights["inputs.mean"] = weights["inputs.scale"]
    assert_refused(put_together(header, document, body), "or it stands twice")


def test_weights_are_finite(plain):
    header, document, body = take_apart(plain)
    start, _ = header["RNNClassifier.weights.head.weight"]["data_offsets"]
    for number in (np.nan, np.inf):
        bad = body[:start] + struct.pack("<f", number) + body[start + 4 :]
        assert_refused(put_together(header, document, bad), "finite")


def test_a_later_format_is_named(plain):
    header, document, body = take_apart(plain)
    document["format"] = 2
    assert_refused(put_together(header, document, body), "of a later version")
    for other in (0, True, "1", None, 1.0):
        document["format"] = other
        assert_refused(put_together(header, document, body))


# The container ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "step"),
    [("padder", 1), ("sizes", 61), pytest.param("sizes", 1, marks=pytest.mark.slow)],
)
def test_every_flipped_bit_and_every_truncation_is_found(made, case, step):
    data = made(case)
    for i in range(0, len(data), step):
        flipped = bytes([data[i] ^ (1 << (i % 8))])
        assert_refused(data[:i] + flipped + data[i + 1 :])
        assert_refused(data[:i])


@pytest.mark.parametrize("length", [0, 1, 2**23 + 1, 2**31, 2**63 - 1, 2**64 - 1])
def test_a_length_that_is_no_length_of_the_header_is_refused(plain, length):
    assert_refused(seal(length.to_bytes(8, "little") + plain[8:]))


NAME = "RNNClassifier.weights.head.weight"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data_offsets", [0, 2**62]),
        ("data_offsets", [-8, 8]),
        ("data_offsets", [0.0, 8.0]),
        ("data_offsets", [True, 8]),
        ("data_offsets", ["0", "8"]),
        ("data_offsets", [0]),
        ("data_offsets", None),
        ("shape", [2**40, 2**40]),
        ("shape", [-1, -8]),
        ("shape", [0, 2**62]),
        ("shape", [1] * 40),
        ("shape", [[2], [3]]),
        ("shape", 8),
        ("dtype", "F64"),
        ("dtype", "F8_E5M2"),
        ("dtype", "O"),
        ("dtype", ["F32"]),
        ("path", "/etc/passwd"),
    ],
)
def test_entries_of_the_header_are_checked(plain, key, value):
    header, document, body = take_apart(plain)
    header[NAME][key] = value
    assert_refused(put_together(header, document, body))


def test_arrays_neither_overlap_nor_leave_gaps(plain):
    header, document, body = take_apart(plain)
    first, second, *_ = [name for name in header if name != "__metadata__"]
    overlapping = json.loads(json.dumps(header))
    overlapping[second]["data_offsets"] = overlapping[first]["data_offsets"]
    assert_refused(put_together(overlapping, document, body), "must have the offsets")
    assert_refused(put_together(header, document, body + b"x"), "belong to no array")
    assert_refused(put_together(header, document, body[:-1]), "after the end")
    del header[second]
    assert_refused(put_together(header, document, body), "must have the offsets")


def test_a_dtype_of_the_same_size_is_found(plain):
    header, document, body = take_apart(plain)
    header[NAME]["dtype"] = "U32"
    assert_refused(put_together(header, document, body), "finite arrays")


def as_text(header):
    return json.dumps(header, separators=(",", ":"))


def with_other_document(plain, text):
    header, _, body = take_apart(plain)
    return put_together(header, text, body)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "null", "{", '{"format":1,"format":1}', '{"format":NaN}'),
        *('{"format":Infinity}', '{"format":1e999}', '{"format":' + "9" * 5000 + "}"),
        *('{"a":' * 100_000 + "1" + "}" * 100_000, "[" * 100_000, '{"x":1}garbage'),
        *("\ufeff{}", "{'format':1}", '{"format":1,}', "\x00"),
    ],
    ids=range(16),
)
def test_json_is_strict(plain, text):
    assert_refused(with_other_document(plain, text))
    assert_refused(with_other_document(plain, json.dumps({"object": text})))


def test_a_key_of_the_header_stands_once(plain):
    header, _, body = take_apart(plain)
    text = as_text(header)
    entry = f'"{NAME}":{as_text(header[NAME])}'
    assert entry in text
    assert_refused(
        put_together(text.replace(entry, f"{entry},{entry}"), "", body), "twice"
    )


def test_deep_values_are_refused(plain):
    deep = "[" * 900 + "]" * 900
    document = json.dumps(take_apart(plain)[1])
    text = document.replace('"callbacks": null', f'"callbacks": {deep}')
    assert text != document
    assert_refused(with_other_document(plain, text))


@pytest.mark.parametrize("path", [".", "/dev/null"])
def test_what_is_no_regular_file_is_refused(path):
    with pytest.raises(ValueError, match="no regular file"):
        sklearn_rnn.load(path)


def test_a_missing_file_is_an_error_of_the_system():
    with pytest.raises(FileNotFoundError):
        sklearn_rnn.load("nothing")


# Pipelines --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("parameters.memory", "/tmp/cache"),
        ("parameters.transform_input", ["x"]),
        ("parameters.verbose", "x"),
        ("parameters.steps", []),
        ("parameters.steps", ["passthrough"]),
        ("parameters.steps", [{"tuple": ["a", "b"]}]),
        ("parameters.steps", DELETED),
        ("parameters.steps.0.tuple.0", "rnnclassifier"),
        ("parameters.steps.0.tuple.1", {"type": "int"}),
        ("learned", {}),
    ],
)
def test_steps_of_a_pipeline_are_checked(made, path, value):
    assert_refused(change(made("StandardScaler"), path, value))


STEP = "parameters.steps.0.tuple.1.object"


@pytest.mark.parametrize(
    ("case", "path", "value"),
    [
        ("texts", "learned.vocabulary_", {"dict": {"a": 1}}),
        ("texts", "learned.vocabulary_", {"dict": {"a": 2, "b": 2}}),
        ("texts", "parameters.level", {"type": "int"}),
        ("texts", "learned.padding_id_", 3),
        ("spelled words", "learned._attributes", ["lower", "lower"]),
        ("spelled words", "learned._sizes", [1]),
        ("spelled words", "learned.frequent_ids_", []),
        ("gaps", "learned.means_", [0.0]),
        ("gaps", "learned._time", 7),
        ("gaps", "learned._reads_table", True),
        ("long table", "learned._backend", "os"),
        ("PCA", "learned._kind", "x"),
        ("PCA", "learned.transformer_", None),
        ("PCA", "parameters.transformer", {"type": "int"}),
        ("PCA", "learned.transformer_.object.learned.n_components_", 2),
        ("PCA", "learned.transformer_.object.learned.whiten_", True),
        ("PCA", "learned.transformer_.object.learned.mean_", DELETED),
        ("OneHotEncoder", "learned.transformer_.object.learned.categories_", []),
        ("dicts", "learned.transformer_.object.learned.vocabulary_", {"dict": {}}),
    ],
)
def test_what_transformers_learned_is_checked(made, case, path, value):
    assert_refused(change(made(case), f"{STEP}.{path}", value))


def test_another_version_of_scikit_learn_is_named(made):
    data = change(made("PCA"), f"{STEP}.learned.transformer_.object.version", "0.1")
    Path("old").write_bytes(data)
    with pytest.warns(UserWarning, match=r"PCA of scikit-learn 0\.1, and this is"):
        sklearn_rnn.load("old")


# Damage at random, with a right checksum --------------------------------------------


DAMAGED = [
    *("str", "scheme", "frames", "texts", "OneHotEncoder"),
    *("generator of classes", "translator", "forecaster of quantiles"),
]


@pytest.mark.parametrize("case", DAMAGED)
@pytest.mark.parametrize("count", [200, pytest.param(15_000, marks=pytest.mark.slow)])
def test_random_damage_is_refused_in_bounded_memory(made, case, count):
    Path("model").write_bytes(made(case))
    done = subprocess.run(
        [sys.executable, "-m", "tests.persistence_attacks", "model", str(count), "0"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    refused, megabytes = map(int, done.stdout.split())
    assert refused > count / 2
    assert megabytes < 100
