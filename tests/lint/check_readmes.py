#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every source file is named in the README of its folder (or of the nearest folder above that has one), and every
document that another one links to is there."""
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = ("tests/unit/", "tests/fuzz/", "tests/integration/", "tests/bench/")  # named after what they test


def tracked():
    names = subprocess.run(["git", "-C", TOP, "ls-files"], check=False, capture_output=True, text=True)
    if names.returncode == 0:
        return names.stdout.splitlines()
    return [str(path.relative_to(TOP)) for path in TOP.rglob("*")]  # a tarball


def readme_of(path):
    for folder in path.parents:
        if (folder / "README.md").exists():
            return folder / "README.md"
    return None


def words_of(readme, cache={}):
    if readme not in cache:
        text = readme.read_text(encoding="utf-8")
        cache[readme] = set(re.findall(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", text))
    return cache[readme]


def unnamed(names):
    for name in names:
        if not name.endswith(".c") or name.startswith(SKIPPED):
            continue
        path = TOP / name
        words = words_of(readme_of(path.relative_to(TOP) and path))
        if path.stem not in words and path.name not in words:
            yield f"{name}: not named in {readme_of(path).relative_to(TOP)}"


def dead_links(names):
    for name in names:
        if not name.endswith(".md"):
            continue
        text = (TOP / name).read_text(encoding="utf-8")
        text = re.sub(r"```.*?```", "", text, flags=re.S)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            if not ((TOP / name).parent / target).exists():
                yield f"{name}: links to '{target}', which is not there"


def main():
    names = [name for name in tracked() if (TOP / name).exists()]
    complaints = [*unnamed(names), *dead_links(names)]
    print("\n".join(complaints) or "every file is on its folder's map")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
