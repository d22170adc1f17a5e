"""Trains the tiny speech recogniser that the tests read real words with."""
