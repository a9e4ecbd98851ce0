# torchrun --nproc-per-node=2 distributed_fit.py
import torch
from torch import distributed

import sklearn_rnn
from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import make_sine_mixtures

if distributed.is_torchelastic_launched():
    # "nccl" on GPUs, after torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("gloo")
    torch.set_num_threads(1)

X, y = make_sine_mixtures(60, random_state=0)
classifier = RNNClassifier(batch_size=20, max_epochs=5, random_state=0).fit(X, y)

if not distributed.is_initialized() or distributed.get_rank() == 0:
    sklearn_rnn.save(classifier, "model.safetensors")
