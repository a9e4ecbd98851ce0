"""Estimators in the forms of other libraries, which are imported where asked.

``sklearn_rnn.adapters.sktime`` needs sktime, ``sklearn_rnn.adapters.pyod`` pyod.
"""
