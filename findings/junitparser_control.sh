#!/usr/bin/env bash
# junitparser 5.0.3. Seen on 2026-11-30, Python 3.11.7.
# Behaviour: a test case whose name or message contains a control character (a coloured log line has ESC) is written as
# it is. XML 1.0 cannot contain that character, so that junitparser's own reader refuses the file.
# Seen: the character in the file; ParseError "not well-formed (invalid token)" on reading it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q junitparser==5.0.3
"$folder/env/bin/python" - "$folder/written.xml" <<'PY'
import sys
from xml.etree.ElementTree import ParseError

from junitparser import JUnitXml, TestCase, TestSuite

suite = TestSuite("suite")
suite.add_testcase(TestCase("\x1b[31mred", "module"))
document = JUnitXml("run")
document.add_testsuite(suite)
document.write(sys.argv[1])
text = open(sys.argv[1]).read()
raw = "\x1b[31mred" in text
try:
    JUnitXml.fromfile(sys.argv[1])
    refused = ""
except ParseError as error:
    refused = str(error)
print(f"written as it is: {raw}; its own reader: {refused or 'reads it'}")
if not (raw and "invalid token" in refused):
    sys.exit("the behaviour has changed")
PY
