"""Training by kernels: a network as a chain of links with gradients of their own."""

from sklearn_rnn.nn._chain._chain import Chain, make_chain, make_links
from sklearn_rnn.nn._chain._link import pack_links
from sklearn_rnn.nn._chain._recorded import RecordedChain
from sklearn_rnn.nn._chain._steps import FlattenLink

__all__ = [
    "Chain",
    "FlattenLink",
    "RecordedChain",
    "make_chain",
    "make_links",
    "pack_links",
]
