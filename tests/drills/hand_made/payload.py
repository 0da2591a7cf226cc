"""What several kinds of bad inputs hold."""

Inputs = dict[str, bytes]
DEEP = b"[" * 100_000


class Payload:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple:
        import os

        return os.system, ("echo executed > executed",)
