"""What doctests need: kernels numba, the export onnx, adapters sktime."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("numba") else ["sklearn_rnn/_kernels"]
if not (find_spec("onnx") and find_spec("onnxruntime")):
    collect_ignore.append("sklearn_rnn/onnx")
if not find_spec("sktime"):
    collect_ignore.append("sklearn_rnn/adapters")
