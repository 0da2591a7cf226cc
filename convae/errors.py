"""What can go wrong through no fault of the program.

The message is what the user reads: what was given, what is possible, what to do next."""


class ConvaeError(Exception):
    """Base of every error that a user can cause and a user can mend.

    command: how the command line does what the message advises; only the command line shows it.
    """

    def __init__(self, message: str = "", command: str = "") -> None:
        super().__init__(message)
        self.command = command


class ConfigError(ConvaeError):
    """A setting is outside what the program can do."""


class DataError(ConvaeError):
    """Images, an archive or a data set cannot be used."""


class CheckpointError(ConvaeError):
    """A checkpoint is missing, damaged or not ours."""


class RunError(ConvaeError):
    """A training run cannot be started, found or changed."""


def os_sentence(error: OSError) -> str:
    """What the operating system reports, of which path, and what to do, in one sentence."""
    path = str(error.filename)[:200] if error.filename is not None else "a file"
    reason = error.strerror or type(error).__name__
    return (
        f"{path} cannot be read or written ({reason}): check this path, its permissions and the "
        "free space of its disk, then try again."
    )
