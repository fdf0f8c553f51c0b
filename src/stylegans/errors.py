"""What a user can get wrong.

    ValueError
    └── UserError            an option, a value, a file's content: one line that names it and says what to do
        └── MissingFile      (also a FileNotFoundError) a path that is not there
    RuntimeError
    └── RunFailed            the work itself cannot go on: the disk is full, the training collapsed
        └── Diverged         its losses are no longer finite

The command line prints either as one line on stderr and exits with code 2 (what you asked) or 1 (what
happened). Anything else that escapes is our bug and looks like one.
"""


class UserError(ValueError):
    """Something the user can put right. The message names the option or the file."""


class MissingFile(UserError, FileNotFoundError):
    """A file or folder that was asked for does not exist."""

    def __str__(self) -> str:  # FileNotFoundError would print an errno tuple
        return str(self.args[0]) if self.args else ""


class RunFailed(RuntimeError):
    """A run that was rightly asked for cannot go on. The message says what is left and what to try."""


class Diverged(RunFailed):
    """A training whose numbers are no longer finite."""
