"""Displays, one per file."""
