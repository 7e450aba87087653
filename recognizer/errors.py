"""The base of every error a user can cause and mend."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one whole sentence (or two) for the user: what, which value, what is allowed, what to do.
    Commands print it without a traceback and exit with code 2. Each domain error derives from this and lives
    beside the code that raises it.
    """


def reason_of(error: OSError) -> str:
    """Why the system refused something, in lower case, to stand within a sentence.

    >>> reason_of(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    return (error.strerror or str(error)).lower()


def first_line_of(error: Exception) -> str:
    r"""What a library says of an error in its first line; the error's kind where it says nothing.

    >>> first_line_of(ValueError("no such layer\n  at line 3")), first_line_of(KeyError())
    ('no such layer', 'KeyError')
    """
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
