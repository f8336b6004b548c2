#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""House rules that a machine can hold: SPDX lines, widths, sleeps in tests, README maps."""
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
CODE = (".c", ".h", ".py", ".js", ".mjs", ".sh")
SLEEP = re.compile(r"\b(sleep|usleep|g_usleep|nanosleep)\s*\(|\btime\.sleep\b|^\s*sleep\s+[0-9]")
# A table of sentences, one row each: breaking them would hide the table.
WIDE = {"broker/words.c"}
FOLDERS = ["auth", "broker", "broker/store", "client", "client/api", "client/ctl", "client/web",
           "common/base", "common/net", "common/proto", "display", "hostd", "hostd/guest", "tests"]


def files():
    out = subprocess.run(["git", "ls-files"], cwd=TOP, check=True, capture_output=True, text=True)
    return [f for f in out.stdout.splitlines() if (TOP / f).is_file()]


def check_code(path, text, complaints):
    head = "\n".join(text.splitlines()[:4])
    if "SPDX-License-Identifier: GPL-3.0-or-later" not in head:
        complaints.append(f"{path}:1: the SPDX line is missing")
    for number, line in enumerate(text.splitlines(), 1):
        if (path.endswith((".c", ".h")) and path not in WIDE
                and len(line.expandtabs(4)) > 100):
            complaints.append(f"{path}:{number}: longer than 100 columns")
        if "\t" in line and path.endswith((".c", ".h")):
            complaints.append(f"{path}:{number}: tab")
        if path.startswith("tests/") and path != "tests/lint/check_text.py" and SLEEP.search(line):
            complaints.append(f"{path}:{number}: a sleep in a test; wait for the thing instead")


def main():
    complaints = []
    for path in files():
        is_code = path.endswith(CODE) or path.startswith("tools/") and "." not in path
        if not is_code or path == "tools/packages":
            continue
        check_code(path, (TOP / path).read_text(errors="replace"), complaints)
    for folder in FOLDERS:
        if not (TOP / folder / "README.md").is_file():
            complaints.append(f"{folder}/README.md: the folder's map is missing")
    print("\n".join(complaints) or "texts keep to the house rules")
    return 1 if complaints else 0


sys.exit(main())
