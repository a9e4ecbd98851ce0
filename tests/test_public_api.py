"""What is public, and that importing it is cheap and quiet."""

import importlib
import pkgutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

import sklearn_rnn

PUBLIC = {
    "sklearn_rnn": [
        "RNNClassifier",
        "RNNAnomalyDetector",
        "RNNForecaster",
        "RNNGenerator",
        "RNNRegressor",
        "RNNStepRegressor",
        "RNNStream",
        "RNNTagger",
        "RNNTranscriber",
        "RNNTranslator",
        "RaggedArray",
        "SequenceSource",
        "config_context",
        "load",
        "save",
    ],
    "sklearn_rnn.datasets": [
        "clear_data_home",
        "fetch_cmapss_fd001",
        "fetch_cmudict",
        "fetch_japanese_vowels",
        "fetch_jsb_chorales",
        "fetch_monthly_sunspots",
        "fetch_multi30k",
        "fetch_names",
        "fetch_natops",
        "fetch_nottingham",
        "fetch_physionet2012",
        "fetch_spoken_digits",
        "fetch_sst2",
        "fetch_tinyshakespeare",
        "fetch_yesno",
        "get_data_home",
        "make_adding_problem",
        "make_delayed_copy",
        "make_parity",
        "make_regime_switch",
        "make_sine_mixtures",
        "read_ts",
        "read_wav",
    ],
    "sklearn_rnn.inspection": [
        "GradientFlowDisplay",
        "TrainingDisplay",
        "permutation_importance",
        "AnomalyDisplay",
        "AlignmentDisplay",
        "AttentionDisplay",
        "AttributionDisplay",
        "ForecastDisplay",
        "HiddenStateDisplay",
        "StepLabelDisplay",
        "TaggedTextDisplay",
        "attention_weights",
        "gate_activations",
        "step_attributions",
    ],
    "sklearn_rnn.metrics": [
        "bleu_score",
        "bleu_scorer",
        "character_error_rate",
        "chrf_score",
        "chrf_scorer",
        "convert_scheme",
        "exact_match_score",
        "exact_match_scorer",
        "extract_spans",
        "interval_coverage_score",
        "make_step_scorer",
        "mean_absolute_scaled_error",
        "range_f1_score",
        "segment_f1_score",
        "step_average_precision_score",
        "vus_pr_score",
        "neg_character_error_rate_scorer",
        "neg_word_error_rate_scorer",
        "sequence_accuracy_score",
        "sequence_accuracy_scorer",
        "span_classification_report",
        "span_f1_score",
        "span_f1_scorer",
        "step_accuracy_score",
        "step_accuracy_scorer",
        "step_classification_report",
        "step_f1_score",
        "step_f1_scorer",
        "step_mean_absolute_error",
        "step_neg_mean_absolute_error_scorer",
        "step_r2_score",
        "step_r2_scorer",
        "symmetric_mean_absolute_percentage_error",
        "weighted_quantile_loss",
        "winkler_score",
        "word_error_rate",
    ],
    "sklearn_rnn.model_selection": [
        "RollingOriginSplit",
        "backtest",
        "make_origins",
        "suggest_search",
    ],
    "sklearn_rnn.nn": [
        "CRF",
        "CTCModel",
        "GRU",
        "LSTM",
        "ColumnInputs",
        "ConditionedInputs",
        "ConvStem",
        "Decoder",
        "Dropout",
        "Elman",
        "Encoder",
        "LastSteps",
        "NGramBranch",
        "NextStepModel",
        "Pooling",
        "RandomBranch",
        "RandomConvolutions",
        "ResetBeforeGRU",
        "SequenceModel",
        "Standardize",
        "StepModel",
        "TokenEmbedding",
        "TranslationModel",
        "WordEncoder",
        "config_context",
        "initialize",
        "set_dropout_generator",
        "shrink_embeddings",
    ],
    "sklearn_rnn.onnx": ["export"],
    "sklearn_rnn.preprocessing": [
        "AudioFeatures",
        "GapEncoder",
        "SequenceBuilder",
        "SequenceFeatures",
        "SequencePadder",
        "SequenceTokenizer",
        "Stepwise",
        "WordAttributes",
        "make_windows",
    ],
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_these(module):
    loaded = importlib.import_module(module)
    assert sorted(loaded.__all__) == sorted(PUBLIC[module])
    assert all(hasattr(loaded, name) for name in PUBLIC[module])


def test_every_module_can_be_imported_alone():
    names = [
        m.name for m in pkgutil.walk_packages(sklearn_rnn.__path__, "sklearn_rnn.")
    ]
    assert "sklearn_rnn.nn._gated" in names
    if find_spec("numba") is None:
        names = [name for name in names if "._kernels." not in name]
    for library in ("pyod", "sktime"):
        if find_spec(library) is None:
            names.remove(f"sklearn_rnn.adapters.{library}")
    for name in names:
        importlib.import_module(name)


def test_import_does_not_load_optional_packages():
    code = (
        "import sys, sklearn_rnn; "
        "print([m for m in ('captum', 'matplotlib', 'onnx', 'polars', 'numba', "
        "'IPython', 'pooch', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_version_is_a_version():
    assert sklearn_rnn.__version__[0].isdigit()
