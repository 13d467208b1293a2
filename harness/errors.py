"""The base of all exceptions that the harness raises, and the one of a request that cannot be met."""


class HarnessError(Exception):
    """The base of every exception that is raised on purpose; the message has what is wrong and what to do.

    Example::

        >>> try:
        ...     load("no such run", results)
        ... except HarnessError as error:
        ...     print(type(error).__name__)
        NoSuchRunError
    """


class UsageError(HarnessError):
    """The command line requests what cannot be done; the message has what to type instead."""
