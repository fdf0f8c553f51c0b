"""How messages speak of files: in one line, whatever their names and errors hold."""


def printable(name: str) -> str:
    """A file name with what no terminal should be sent, and what is no Unicode, escaped as in Python."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def reason(error: Exception) -> str:
    """Why a file cannot be used, in one line. What the operating system says is told without the path."""
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    return printable(" ".join(text.split())) or type(error).__name__
