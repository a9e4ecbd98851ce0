"""Error rates and BLEU of RNNTranslator, trained on a CPU.

    python benchmarks/bench_translation.py > docs/translation_table.rst
    python benchmarks/bench_translation.py scan  # some data sets

- SCAN: commands in words to actions, exact answers. In the length split, the test
  answers are longer than all of training.
- CMUdict: spelled words to phonemes without stress. Every tenth word of the sorted list
  is for test. All pronunciations of the other words are pairs to train on; an answer is
  right if it is one of the pronunciations of its word.
- NETtalk: words to phonemes; every fifth line is for test.
- Multi30k: descriptions of images, English to German, raw text, test set of 2016. BLEU
  has sacrebleu's signature nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp.

Results are kept in benchmarks/translation.json, and a set that is there is not trained
again: delete its entry for that. Each is one fit, with settings that were chosen before
any test data were predicted. Minutes are those of training, on one core.
"""

import re
import time
from functools import partial
from pathlib import Path

from _pronunciations import load_cmudict, load_nettalk, read_lines, unzip
from _results import measure_missing

from sklearn_rnn import RNNTranslator
from sklearn_rnn.metrics import bleu_score, exact_match_score

RESULTS = Path(__file__).with_name("translation.json")


def load_scan(split):
    """Return training and test pairs: commands and actions."""
    parts = []
    for part in ("train", "test"):
        lines = read_lines("scan", f"tasks_{part}_{split}.txt.gz")
        parts.append(
            unzip(re.fullmatch("IN: (.*) OUT: (.*)", s).groups() for s in lines)
        )
    return parts


def load_multi30k():
    train, test = (
        [read_lines("multi30k", f"{part}.{language}.gz") for language in ("en", "de")]
        for part in ("train", "test_2016_flickr")
    )
    return train, test


def count_wrong_words(spoken, predicted):
    """Return the share of words with an answer that is none of theirs."""
    pairs = zip(spoken, predicted, strict=True)
    return sum(one not in known for known, one in pairs) / len(spoken)


def count_wrong_pairs(true, predicted):
    return 1 - exact_match_score(true, predicted)


SCAN = {"hidden_size": 128, "max_epochs": 12}
# data, score, its text, parameters
TASKS = {
    "SCAN, simple split": (
        partial(load_scan, "simple"),
        exact_match_score,
        "{:.1%} of answers right",
        SCAN,
    ),
    "Multi30k, English to German": (
        load_multi30k,
        bleu_score,
        "BLEU {:.1f}",
        {
            "level": "subword",
            "target_level": "subword",
            "max_tokens": 3000,
            "dropout": 0.3,
            "max_epochs": 6,
        },
    ),
    "CMUdict": (
        load_cmudict,
        count_wrong_words,
        "{:.1%} of words wrong",
        {"level": "char", "embedding_dim": 64, "dropout": 0.1, "max_epochs": 8},
    ),
    "NETtalk": (
        load_nettalk,
        count_wrong_pairs,
        "{:.1%} of words wrong",
        {
            "level": "char",
            "target_level": "char",
            "embedding_dim": 64,
            "max_epochs": 8,
        },
    ),
    "SCAN, length split": (
        partial(load_scan, "length"),
        exact_match_score,
        "{:.1%} of answers right",
        SCAN,
    ),
}


def measure(task):
    """Return the scores of two searches on test data, and minutes of training."""
    load, score, _, parameters = task
    (X, y), (X_test, y_test) = load()
    translator = RNNTranslator(**parameters, random_state=0)
    begin = time.process_time()
    translator.fit(X, y)
    result = {"minutes": (time.process_time() - begin) / 60}
    for width in (1, 5):
        answers = translator.set_params(beam_size=width).predict(X_test)
        result[f"beam {width}"] = float(score(y_test, answers))
    return result


def print_table(results):
    print(".. list-table::\n   :header-rows: 1\n")
    print("   * - data\n     - greedy search\n     - beam of 5")
    print("     - minutes of training")
    for name, (_, _, text, _) in TASKS.items():
        if name in results:
            row = results[name]
            print(f"   * - {name}")
            for width in (1, 5):
                score = text.format(row[f"beam {width}"])
                print(f"     - {score.replace('%', ' %')}")
            print(f"     - {row['minutes']:.1f}")


if __name__ == "__main__":
    print_table(measure_missing(RESULTS, __doc__, TASKS, measure))
