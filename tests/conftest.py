"""What all tests share: no test depends on how fast the machine is, those that hypothesis generates included."""

from contextlib import suppress

with suppress(ImportError):
    from hypothesis import settings

    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")
