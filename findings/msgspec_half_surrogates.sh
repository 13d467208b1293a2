#!/usr/bin/env bash
# msgspec 0.23.0. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: msgspec.json.decode refuses an escaped half of a surrogate pair ("\udcff"), which Python's json writes for
# every byte of a file name that is not UTF-8 (surrogateescape), and reads back. The error is a DecodeError; for a high
# half at the end of a string it is "Input data was truncated", the same as for text that really is cut off.
# msgspec.convert takes such a string.
# Seen: json.loads(json.dumps("a\udcff")) gives the string back; msgspec.json.decode of the same text raises.
# Remedy: on a DecodeError, json.loads and msgspec.convert.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q msgspec==0.23.0
"$folder/env/bin/python" - <<'PYTHON'
import json

import msgspec

name = b"a\xff".decode(errors="surrogateescape")
text = json.dumps({"name": name})
assert json.loads(text) == {"name": name}
try:
    msgspec.json.decode(text)
except msgspec.ValidationError:
    raise
except msgspec.DecodeError as error:
    print(f"msgspec: {error}")
else:
    raise SystemExit("the behaviour has changed")
assert msgspec.convert(json.loads(text), dict[str, str]) == {"name": name}
PYTHON
