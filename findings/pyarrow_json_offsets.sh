#!/usr/bin/env bash
# pyarrow 26.0.1 (pyarrow.json). Seen on 2026-11-29, Python 3.11.7.
# Behaviour: read_json reads texts that look like a moment of ISO 8601 as timestamps without a zone, and
# converts those with an offset to UTC first. A column that has local times with and without an offset comes out
# as if they were of one clock; labels and run names that look like a date stop being texts. A plain year stays
# a text.
# Seen: "2026-11-29T10:00:00" and "2026-11-29T10:00:00+01:00" become 10:00 and 09:00, timestamp[s].
# Remedy: ParseOptions(explicit_schema=...) with pa.string().
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q pyarrow==26.0.1
"$folder/env/bin/python" - <<'PYTHON'
import io

import pyarrow.json

rows = b'{"begun": "2026-11-29T10:00:00"}\n{"begun": "2026-11-29T10:00:00+01:00"}\n'
table = pyarrow.json.read_json(io.BytesIO(rows))
kind, hours = str(table.schema.field("begun").type), [moment.hour for moment in table["begun"].to_pylist()]
print(f"{kind}, hours {hours}")
assert (kind, hours) == ("timestamp[s]", [10, 9]), "the behaviour has changed"
PYTHON
