"""Stages: media in, features out; each runs in a worker process or inline."""
