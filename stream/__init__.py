"""Time, packets, media sources, channels and the ZeroMQ bus; knows nothing of models."""
