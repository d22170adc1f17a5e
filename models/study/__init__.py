"""Experiments on real pairs: masks, repetitions, statistics and the tables made from them."""
