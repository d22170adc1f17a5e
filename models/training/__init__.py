"""Training of encoders and fusion: data and a configuration in, a checkpoint out."""
