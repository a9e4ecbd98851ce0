"""Export to ONNX, for services and devices without Python.

Needs the extra ``onnx``: ``pip install "sklearn-rnn[onnx]"``.
"""

from sklearn_rnn.onnx._export import export

__all__ = ["export"]
