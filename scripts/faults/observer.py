"""Copied as ``sitecustomize.py`` where every process finds it: notes measurements whose write returned."""

import importlib.util
import json
import os
import sys


class Finder:
    """Lets the writer of records be imported as it is, and wraps it."""

    def find_spec(self, name, *_):  # type: ignore[no-untyped-def]  # noqa: D102
        if name != "harness.store.lines":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        loaded = spec.loader.exec_module  # type: ignore[union-attr]

        def wrapped(module):  # type: ignore[no-untyped-def]
            loaded(module)
            write = module.Writer.write

            def noted(self, kind, **content):  # type: ignore[no-untyped-def]
                write(self, kind, **content)
                if kind in ("measurement", "pairing"):
                    key = [content[name] for name in ("case", "invocation", "survey")]
                    line = json.dumps([*key, content.get("of", "")]) + "\n"
                    at = os.open(os.environ["FAULTS_ACKNOWLEDGED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                    os.write(at, line.encode())
                    os.close(at)

            module.Writer.write = noted

        spec.loader.exec_module = wrapped  # type: ignore[union-attr,method-assign]
        return spec


if "FAULTS_ACKNOWLEDGED" in os.environ:
    sys.meta_path.insert(0, Finder())
