"""Finished sessions for people: one page to look at, and figures for papers."""
