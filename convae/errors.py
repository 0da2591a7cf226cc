"""What can go wrong through no fault of the program.

The message is what the user reads: what was given, what is possible, what to do next."""


class ConvaeError(Exception):
    """Base of every error that a user can cause and a user can mend."""


class ConfigError(ConvaeError):
    """A setting is outside what the program can do."""


class DataError(ConvaeError):
    """Images, an archive or a data set cannot be used."""


class CheckpointError(ConvaeError):
    """A checkpoint is missing, damaged or not ours."""


class RunError(ConvaeError):
    """A training run cannot be started, found or changed."""
