#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual in docs/man is what the command table says."""
import pathlib
import subprocess
import sys

program, manual = sys.argv[1:]
made = subprocess.run([program, "help", "--markdown"], check=True, capture_output=True,
                      text=True, timeout=30).stdout
if made != pathlib.Path(manual).read_text():
    sys.exit(f"{manual} is not current; use: {program} help --markdown > {manual}")
print("the manual is current")
