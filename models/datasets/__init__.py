"""Readers of the public corpora that the shipped weights are trained and measured on."""
