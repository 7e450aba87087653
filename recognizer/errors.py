"""The base of every error a user can cause and mend."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one whole sentence (or two) for the user: what, which value, what is allowed, what to do.
    Commands print it without a traceback and exit with code 2. Each domain error derives from this and lives
    beside the code that raises it.
    """
