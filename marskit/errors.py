"""The base of all errors that are a user's to put right; every other exception is a fault of the program."""


class UserError(Exception):
    """A file, an option, a name or the environment is not as it must be.

    The message is one sentence for a person: what was found, where, and what is allowed.
    """
