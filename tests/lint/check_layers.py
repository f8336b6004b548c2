#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds the includes of the code against the table in docs/ARCHITECTURE.md."""
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
# Header of an outside library -> its word in the table. Headers not named here are free for all.
LIBRARIES = {
    "jansson.h": "jansson", "libwebsockets.h": "libwebsockets", "ldap.h": "ldap",
    "argon2.h": "argon2", "sqlite3.h": "sqlite3", "turbojpeg.h": "turbojpeg", "zlib.h": "zlib",
    "seccomp.h": "seccomp", "yaml.h": "yaml", "libsmartcols.h": "libsmartcols",
}
PREFIXES = {"openssl/": "openssl", "libvirt/": "libvirt", "curl/": "curl",
            "isa-l/": "isa-l"}
# jansson is the type in which proto hands messages on, so whoever may include proto sees it.
FOLLOWS_PROTO = {"jansson"}
# tls.h hands out SSL_CTX.
FOLLOWS_NET = {"openssl"}
ONE_FILE = {"ldap": "auth/ldap.c", "libvirt": "hostd/hyp_libvirt.c",
            "sqlite3": "broker/store/sqlite.c", "argon2": "auth/password.c",
            "libsmartcols": "client/ctl/print.c", "seccomp": "display/sandbox.c"}


def read_table():
    rows = {}
    text = (TOP / "docs/ARCHITECTURE.md").read_text()
    section = text.split("## Who may include whom")[1].split("\n## ")[0]
    for line in section.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) == 3 and cells[0] not in ("folder", "---"):
            allowed = {w.strip() for w in cells[1].split(",")} - {"–"}
            rows[cells[0]] = (allowed, {w.strip() for w in cells[2].split(",")})
    return rows


def room_of(path, rooms):
    return next((r for r in sorted(rooms, key=len, reverse=True)
                 if path == r or path.startswith(r + "/")), None)


def library_of(header):
    if header in LIBRARIES:
        return LIBRARIES[header]
    return next((lib for p, lib in PREFIXES.items() if header.startswith(p)), None)


def check_file(path, rows, complaints):
    room = room_of(path, rows)
    if room is None or path.startswith("hostd/guest/"):
        return
    allowed, libraries = rows[room]
    if "common/proto" in allowed:
        libraries = libraries | FOLLOWS_PROTO
    if "common/net" in allowed:
        libraries = libraries | FOLLOWS_NET
    for number, line in enumerate((TOP / path).read_text().splitlines(), 1):
        ours = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        theirs = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
        if ours:
            target = room_of(ours.group(1), rows)
            if target is None and not (TOP / ours.group(1)).exists() and "/" not in ours.group(1):
                continue  # generated beside the build
            if target not in allowed | {room}:
                complaints.append(f"{path}:{number}: {room} may not include {ours.group(1)}")
        elif theirs:
            library = library_of(theirs.group(1))
            if library and library not in libraries:
                complaints.append(f"{path}:{number}: <{theirs.group(1)}> is not at home in {room}")
            elif library in ONE_FILE and path != ONE_FILE[library]:
                complaints.append(
                    f"{path}:{number}: <{theirs.group(1)}> belongs in {ONE_FILE[library]} only")


def main():
    rows = read_table()
    files = subprocess.run(["git", "ls-files", "*.c", "*.h"], cwd=TOP, check=True,
                           capture_output=True, text=True).stdout.split()
    complaints = []
    if len(rows) < 8:
        complaints.append("docs/ARCHITECTURE.md: the include table was not found whole")
    for path in files:
        if (TOP / path).exists():
            check_file(path, rows, complaints)
    print("\n".join(complaints) or f"{len(files)} files keep to the table")
    return 1 if complaints else 0


sys.exit(main())
