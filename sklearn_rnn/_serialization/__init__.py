"""Plain values and arrays in files of the format of safetensors; reading runs nothing.

Estimators and networks are unknown here.
"""

from sklearn_rnn._serialization._files import read_file, write_file
from sklearn_rnn._serialization._safetensors import pack, unpack
from sklearn_rnn._serialization._values import ValueReader, ValueWriter

__all__ = ["ValueReader", "ValueWriter", "pack", "read_file", "unpack", "write_file"]
