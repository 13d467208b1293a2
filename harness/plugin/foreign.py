"""What a repository's conftest.py has for plug-ins that our processes do not load."""

from __future__ import annotations

import pytest


class ForeignHooks:
    """Passes over hooks that no loaded plug-in knows: they would never be called, and pytest would refuse to
    start."""

    def pytest_plugin_registered(self, manager: pytest.PytestPluginManager) -> None:
        """Whenever a plug-in was registered, a conftest.py too; for those that were before, when this one
        is."""
        for name, hook in vars(manager.hook).items():
            if not name.startswith("_") and not hook.has_spec():
                for implementation in hook.get_hookimpls():
                    implementation.optionalhook = True
