"""The base of all errors that a user can correct; every other exception is a fault of the program."""


class UserError(Exception):
    """A file, an option, a name or the environment is not as required.

    The message is one sentence: what was found, where, and what is allowed.
    """
