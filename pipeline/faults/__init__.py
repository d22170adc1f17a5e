"""Sensors broken on purpose, and how soon that was noticed and over: what `tacit inject` does."""
