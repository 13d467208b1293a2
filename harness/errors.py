"""The base of all exceptions that the harness raises, and the one of a request that cannot be met."""


class HarnessError(Exception):
    """Anything that the harness raises for its callers; the message says what is wrong and what to do."""


class UsageError(HarnessError):
    """The command line asks for what cannot be done; the message says what to type instead."""
