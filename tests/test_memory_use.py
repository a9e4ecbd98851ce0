"""What a fit needs beside the data, measured in processes of its own."""

import subprocess
import sys

import pytest

SCRIPT = """
import re, sys, warnings
from pathlib import Path
import numpy as np
from sklearn_rnn import RNNClassifier
warnings.simplefilter("ignore")
n = int(sys.argv[1])
X = np.ones((n, 100, 15), np.float32)
X[::2, 0, 0] = 0
RNNClassifier(
    cell="rnn", conv_channels=None, bidirectional=False, pooling="last",
    hidden_size=4, batch_size=256, max_epochs=1,
).fit(X, np.arange(n) % 2)
status = Path("/proc/self/status").read_text()
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]), X.nbytes)
"""


# batches of ever other lengths; a first fit has loaded all that a fit loads
TOKENS = """
import re, sys, warnings
from pathlib import Path
import numpy as np
from skorch.callbacks import Callback
from sklearn_rnn import RaggedArray, RNNClassifier
warnings.simplefilter("ignore")
n_batches, options = int(sys.argv[1]), eval(sys.argv[2])

def read_memory(key):
    status = Path("/proc/self/status").read_text()
    return int(re.search(key + r":\\s+(\\d+)", status)[1]) // 1024

class Watch(Callback):
    def on_batch_end(self, net, training, **_):
        memory.append(read_memory("VmRSS"))

def fit(n_samples):
    lengths = np.exp(rng.uniform(np.log(5), np.log(900), n_samples)).astype(int)
    X = RaggedArray.from_sequences(
        [rng.integers(1, 5000, (n, 1)) for n in lengths]
    )
    y = np.arange(n_samples) % 2
    RNNClassifier(
        embedding_dim=32, max_epochs=1, random_state=0, callbacks=[Watch()], **options
    ).fit(X, y)

rng, memory = np.random.default_rng(0), []
fit(2)
before = read_memory("VmRSS")
memory.clear()
fit(n_batches * options.get("batch_size", 32))
third = len(memory) // 3
print(read_memory("VmHWM") - before, max(memory[-third:]) - max(memory[third:-third]))
"""


def run(n_samples, script=SCRIPT, *options):
    done = subprocess.run(
        [sys.executable, "-c", script, str(n_samples), *options],
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_fit_needs_little_more_than_the_data():
    small, _ = run(100)  # it has loaded all that a fit loads
    large, n_bytes = run(50_000)  # 300 MB
    assert large - small < 1.3 * n_bytes


SMALL = "{'batch_size': 8, 'hidden_size': 4}"
ALONE = "{'ngrams': None}"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("n_batches", "options", "limit"),  # in MB
    [(240, SMALL, 120), pytest.param(1000, ALONE, 300, marks=pytest.mark.slow)],
)
def test_a_fit_of_ragged_tokens_does_not_grow_with_the_batches(
    n_batches, options, limit
):
    most, growth = run(n_batches, TOKENS, options)
    assert most < limit
    assert growth < limit / 10
