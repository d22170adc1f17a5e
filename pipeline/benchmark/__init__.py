"""Runs a comparison in processes that can be killed, and renders what it found."""
