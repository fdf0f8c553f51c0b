"""Commands that have verbs of their own: ``data``, ``edit``."""

from collections.abc import Callable, Mapping, Sequence

from stylegans.errors import UserError

Verb = Callable[[list[str]], int]


def run_verb(command: str, argv: Sequence[str], verbs: Mapping[str, Verb], *, help_text: str) -> int:
    """Run the verb that ``argv`` begins with; the exit code.

    Raises:
        UserError: it is none of ``verbs``.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(help_text)
        return 0
    verb = verbs.get(argv[0])
    if verb is None:
        raise UserError(f"{command}: '{argv[0]}' is not one of {', '.join(verbs)}")
    return verb(list(argv[1:]))
