"""Who imports whom: arrows point down only.

The picture in docs/development.rst, as a table.
"""

import ast
from pathlib import Path

import pytest

import sklearn_rnn

ROOT = Path(sklearn_rnn.__file__).parent
ESTIMATORS = (
    *("_base", "_sequence_base", "_classifier", "_regressor"),
    *("_step_base", "_tagger", "_step_regressor", "_forecaster", "_generator"),
    *("_token_base", "_transcriber", "_anomaly_detector", "_translator"),
)
PARTS = {  # of `_base`
    *("_block_data", "_building", "_checkpoints", "_inference", "_training_data"),
}
# room -> rooms of ours that it may import
MAY_IMPORT = {
    "__init__": {
        *(*ESTIMATORS, "_persistence", "_sequences", "_stream", "_workers"),
        *("nn", "utils"),
    },
    "_workers": {"nn"},
    "_advice": {"_sequences", "utils"},
    "_base": {
        *PARTS,
        "_advice",
        "_defaults",
        "_parameters",
        "nn",
        "_sequences",
        "_training",
        "utils",
    },
    "_block_data": {"_sequences", "_training", "_training_data"},
    "_building": {
        *("nn", "_block_data", "_sequences", "_training", "_training_data", "utils"),
    },
    "_inference": {"nn", "_sequences", "_training", "utils"},
    "_checkpoints": {"_block_data", "_training", "_training_data"},
    "_serialization": set(),
    "_streaming": {"_parameters", "_stream", "_stream_network", "nn", "utils"},
    "_stream": {"_sequences", "_stream_network", "utils"},
    "_stream_network": {"_inference", "_sequences", "_training", "nn"},
    "_stream_scores": {"_anomalies", "_sequences", "_stream_network"},
    "_training_data": {"_sequences", "utils"},
    "_defaults": set(),
    "_parameters": {"_sequences", "_building", "_defaults", "nn", "utils"},
    "_targets": {"_sequences", "utils"},
    "_sequence_base": {
        *("_advice", "_base", "_building", "_defaults", "_inference", "_streaming"),
        *("_sequences", "_training", "_training_data", "nn", "utils"),
    },
    "_step_base": {
        "_streaming",
        "_advice",
        "_base",
        "_sequences",
        "_training",
        "nn",
        "utils",
        *PARTS,
    },
    "_classifier": {
        *("_advice", "_block_data", "_building", "_defaults", "_ngrams"),
        *("_parameters", "_random_kernels", "_sequence_base", "_targets"),
        *("nn", "utils"),
    },
    "_random_kernels": {"_inference", "nn"},
    "_ngrams": set(),
    "_regressor": {
        *(
            "_conformal",
            "_sequences",
            "_advice",
            "_defaults",
            "_parameters",
            "_random_kernels",
            "_sequence_base",
            "_targets",
            "nn",
            "utils",
        ),
        "_training_data",
    },
    "_tagger": {
        *("_inference", "_parameters", "_step_base", "_targets"),
        *("_sequences", "_training", "_training_data", "nn", "utils"),
    },
    "_step_regressor": {
        *("_parameters", "_step_base", "_targets", "_sequences", "nn"),
        "_training_data",
    },
    "_transcriber": {
        *(
            "_advice",
            "_base",
            "_ctc",
            "_defaults",
            "_parameters",
            "_targets",
            "_sequences",
        ),
        *("_training", "metrics", "nn", "utils", *PARTS),
    },
    "_ctc": set(),
    "_forecaster": {
        *("_advice", "_base", "_building", "_conformal", "_defaults"),
        "_forecasting",
        *("_inference", "_parameters", "_sequences", "_training", "_training_data"),
        *("nn", "utils"),
    },
    "_forecasting": {"_conformal", "_sequences"},
    "_conformal": set(),
    "_token_base": {
        *("_base", "_codecs", "_defaults", "_parameters", "_sequences", *PARTS),
    },
    "_generator": {
        *("_advice", "_codecs", "_decoders", "_decoding", "_defaults", "_parameters"),
        *("_sequences", "_stream_network", "_streaming", "_targets", "_token_base"),
        *("_training", "nn", "utils", *PARTS),
    },
    "_translator": {
        *("_advice", "_codecs", "_decoders", "_decoding", "_defaults", "_parameters"),
        *("_sequences", "_token_base", "_training", "metrics", "nn", "utils", *PARTS),
    },
    "_decoders": {"_codecs", "_decoding", "nn"},
    "_codecs": {"_sequences", "preprocessing", "utils"},
    "_decoding": set(),
    "_training": {"nn", "_kernels", "_sequences", "_serialization", "utils"},
    "_anomaly_detector": {
        *("_advice", "_anomalies", "_defaults", "_forecasting", "_parameters"),
        *("_step_regressor", "_stream_scores", "_streaming", "_sequences", "utils"),
    },
    "_anomalies": set(),
    "nn": {"_kernels"},
    "_kernels": set(),
    "_sequences": {"utils"},
    "datasets": {"_sequences", "utils"},
    "_inspectable": {"_codecs", "_step_base", "_targets", "_sequences", "nn"},
    "_fitted_data": {
        *("_defaults", "_forecasting", "_sequences", "_targets"),
        *("_training_data", "utils"),
    },
    "_fitted_state": {
        *("_fitted_data", "_parameters", "_training", "nn", "utils"),
        *PARTS,
    },
    "_persistence": {
        *(*ESTIMATORS, "_fitted_data", "_fitted_state"),
        *("_serialization", "preprocessing", "utils"),
    },
    "inspection": {
        *("_base", "_forecaster", "_inference", "_inspectable"),
        *("_sequences", "_training", "nn", "utils"),
    },
    "adapters": {"_anomaly_detector", "_forecaster"},
    "onnx": {
        *(*ESTIMATORS, "_anomalies", "_codecs", "_forecasting", "_sequences"),
        *("_serialization", "nn", "utils"),
    },
    "metrics": {"_sequences", "utils"},
    "model_selection": {"_planning", "_sequences", "utils"},
    "_planning": {"_base", "utils"},
    "preprocessing": {"_sequences", "utils"},
    "utils": set(),
}
# a check of estimators reads their containers; nothing imports it
EXCEPTIONS = {("utils", "utils/estimator_checks.py"): {"_sequences"}}
# package -> rooms that may import it
RESERVED = {
    "skorch": {"_training"},
    "torch": {
        *("_kernels", "nn", "_training", "utils", "inspection"),
        *(*ESTIMATORS, "_building", "_inference", "_inspectable", "_parameters"),
        *("_decoders", "_random_kernels"),
        *(
            "_fitted_state",
            "_persistence",
            "_serialization",
            "_stream",
            "_stream_network",
            "_stream_scores",
            "onnx",
        ),
    },
    "captum": {"inspection"},
    "matplotlib": {"inspection"},
    "onnx": {"onnx"},
    "onnxruntime": {"onnx"},
    "pandas": {"adapters"},
    "pyod": {"adapters"},
    "sktime": {"adapters"},
    "pooch": {"datasets"},
    "requests": {"datasets"},
    "narwhals": {"_sequences"},
    "tokenizers": {"preprocessing"},
    "llvmlite": {"_kernels"},
    "numba": {"_kernels"},
}


def imports_of(path):
    """Yield the dotted names that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module == "sklearn_rnn":
                yield from (f"sklearn_rnn.{alias.name}" for alias in node.names)
            else:
                yield node.module


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_arrows_point_down_only(path):
    room, inside = room_of(path), str(path.relative_to(ROOT))
    allowed = MAY_IMPORT[room] | EXCEPTIONS.get((room, inside), set())
    for name in imports_of(path):
        package, *rest = name.split(".")
        if package == "sklearn_rnn" and rest and rest[0] != room:
            assert rest[0] in allowed, f"{inside} may not import {name}"
        if package in RESERVED:
            assert room in RESERVED[package], f"{inside} may not import {name}"


def test_private_names_of_scikit_learn_are_in_one_file():
    for path in ROOT.rglob("*.py"):
        if path.name == "_sklearn.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("sklearn."):
                names = [*node.module.split("."), *(a.name for a in node.names)]
                assert not any(n.startswith("_") for n in names), f"{path}: {names}"


def test_numba_is_imported_only_to_compile():
    paths = list((ROOT / "_kernels").glob("*.py"))
    assert paths
    for path in paths:
        own = {"_library.py": {"numba"}}.get(path.name, set())  # in `_compile`
        names = {name for name in imports_of(path) if name.startswith("numba")}
        assert names == own, path


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_package_is_imported_by_its_face(path):
    """No private module or name of another package is imported.

    The modules of `_kernels` import llvmlite: they are imported where they are used.
    """
    room, inside = room_of(path), str(path.relative_to(ROOT))
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        package, *rest = node.module.split(".")
        if package != "sklearn_rnn" or not rest or rest[0] in (room, "_kernels"):
            continue
        if (ROOT / rest[0]).is_dir():
            private = [*rest[1:], *(alias.name for alias in node.names)]
            assert not any(map(is_private, private)), f"{inside}: {ast.unparse(node)}"
