"""The fault table, row by row: how each fault is brought about, and what it may cost."""
