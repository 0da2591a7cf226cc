"""Words for numbers in sentences."""


def counted(number: int, noun: str) -> str:
    """`1 image`, `2,000 images`: a number and a noun whose plural ends in s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
