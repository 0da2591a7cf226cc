"""Values of options of the command line: text that is checked when it is parsed."""

import argparse
import socket


def lengths(text: str) -> list[int]:
    """What --keep takes: "32,64" -> [32, 64]."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a list of whole numbers such as 32,64,128"
        ) from None


def port(text: str) -> int:
    """The number of a port, as an option gives it."""
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: choose 1 to 65535")
    return int(text)


def address(text: str) -> str:
    """An address of this machine that a server can listen on, as an option gives it."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(text, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.bind(place)
    except OSError:  # gaierror included
        raise argparse.ArgumentTypeError(f"{text!r} is not an address of this machine") from None
    return text


def niceness(text: str) -> int:
    """What --nice takes."""
    if not text.isdecimal() or int(text) > 19:
        raise argparse.ArgumentTypeError(f"{text!r} is not a niceness: choose 0 to 19")
    return int(text)
