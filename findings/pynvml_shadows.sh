#!/usr/bin/env bash
# pynvml 11.5.3 and nvidia-ml-py 13.615.71. Seen on 2026-11-29, Python 3.11.7. No GPU or driver is needed.
# Behaviour: both distributions provide the module `pynvml`, one as a package, the other as a file, so that they
# install side by side without a conflict. Python prefers the package: the old one is imported, whichever was
# installed last, and what the newer one brings is missing at the call, while the metadata says that 13.615.71
# is there.
# Seen: pynvml/__init__.py without nvmlDeviceGetCurrentClocksEventReasons; after `pip uninstall pynvml`
# pynvml.py with it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q pynvml==11.5.3
"$folder/env/bin/pip" install -q nvidia-ml-py==13.615.71
ask="import pynvml
print(pynvml.__file__.rpartition('site-packages/')[2], hasattr(pynvml, 'nvmlDeviceGetCurrentClocksEventReasons'))"
both=$("$folder/env/bin/python" -c "$ask")
"$folder/env/bin/pip" uninstall -q -y pynvml
alone=$("$folder/env/bin/python" -c "$ask")
echo "both: $both; nvidia-ml-py alone: $alone"
[ "$both" = "pynvml/__init__.py False" ] && [ "$alone" = "pynvml.py True" ] || {
  echo "the behaviour has changed"
  exit 1
}
