"""What marks the English texts that people see; the app translates them when it shows them."""


def N_(text: str) -> str:
    """Marks an English text that the app translates when it shows it."""
    return text
