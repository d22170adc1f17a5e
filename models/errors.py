"""Errors of the model side; each message names the file or key at fault and the way out."""


class ModelError(Exception):
    """A model, checkpoint or data set cannot be used."""


class CheckpointError(ModelError):
    """A checkpoint is missing, damaged, or not what its manifest says."""


class DatasetError(ModelError):
    """A data set folder or file is missing or not in the expected form."""
