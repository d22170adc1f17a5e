"""Training functions of the encoders and of the fusion: data and a configuration in, a checkpoint out."""
