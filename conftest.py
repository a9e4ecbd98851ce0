"""What doctests need: kernels numba, the export onnx, adapters their libraries."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("numba") else ["sklearn_rnn/_kernels"]
if not (find_spec("onnx") and find_spec("onnxruntime")):
    collect_ignore.append("sklearn_rnn/onnx")
collect_ignore += [
    f"sklearn_rnn/adapters/{library}.py"
    for library in ("pyod", "sktime")
    if not find_spec(library)
]
