"""Write the files of a release, which every later version must read.

Once for each release, and for each new case:
``python -m tests.persistence.write_released_files 0.1.0``.
"""

import json
import sys
import warnings
from pathlib import Path

import sklearn_rnn
from tests.persistence_tools import CASES, answer

RELEASED = (
    *("cell lstm", "regressor gaussian", "step regressor", "scheme", "texts"),
    *("forecaster of quantiles", "generator of words", "translator"),
    *("random kernels", "regressor, random kernels"),
)


def main(version):
    folder = Path(__file__).parent / "released" / version
    folder.mkdir(parents=True, exist_ok=True)
    for case in RELEASED:
        name = case.replace(",", "").replace(" ", "_")
        if (folder / f"{name}.safetensors").exists():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model, X = CASES[case]()
        sklearn_rnn.save(model, folder / f"{name}.safetensors")
        answers = {key: value.tolist() for key, value in answer(model, X).items()}
        X = [x if isinstance(x, str) else x.tolist() for x in X]
        content = json.dumps({"X": X, "answers": answers})
        (folder / f"{name}.json").write_text(content)


if __name__ == "__main__":
    main(sys.argv[1])
