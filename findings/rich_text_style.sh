#!/usr/bin/env bash
# rich 15.0.0. Seen on 2026-11-30, Python 3.11.7, Linux x86-64.
# Behaviour: `Text.render(console)` gives the segments of a text with its own style only where the text also has spans.
# `Text("x", style="bold")` has none, and its one segment has no style; printed by `Console.print`, the same text is bold,
# because there `Text.join` turns the style into a span first.
# Seen: Segment('x') from `render`, "\x1b[1mx\x1b[0m" from `print`, and a bold segment once any span is there.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q rich==15.0.0
"$folder/env/bin/python" - <<'PYTHON' || { echo "the behaviour has changed"; exit 1; }
import io

from rich.console import Console
from rich.text import Text

out = io.StringIO()
console = Console(file=out, force_terminal=True, color_system="standard")
plain = list(Text("x", style="bold").render(console))
spanned = Text("xy", style="bold")
spanned.stylize("red", 1, 2)
console.print(Text("x", style="bold"), end="")
styles = [segment.style for segment in plain], [str(segment.style) for segment in spanned.render(console)]
print(styles, repr(out.getvalue()))
assert styles == ([None], ["bold", "bold red"]), styles
assert out.getvalue() == "\x1b[1mx\x1b[0m"
PYTHON
