#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every source file is named in the README of its folder (or of the nearest folder above that has one), every document
that another one links to is there, every decision is in its index, and every library has its line of reason."""
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


def unlisted_decisions():
    index = (TOP / "docs/decisions/README.md").read_text(encoding="utf-8")
    for page in sorted((TOP / "docs/decisions").glob("0*.md")):
        if f"({page.name})" not in index:
            yield f"docs/decisions/{page.name}: not in the README beside it"


def unlisted_packages():
    """Every package and library has its line of reason."""
    reasons = (TOP / "docs/decisions/0001-libraries.md").read_text(encoding="utf-8").lower()
    meson = "".join((TOP / name).read_text(encoding="utf-8") for name in tracked()
                    if name.endswith("meson.build"))
    for library in sorted(set(re.findall(r"dependency\('([a-z0-9.+-]+)'", meson))):
        plain = re.sub(r"^lib|-[0-9.]+$", "", library)
        plain = {"yaml-0.1": "yaml", "isal": "isa-l", "gio-unix": "gio", "sqlite3": "sqlite",
                 "turbojpeg": "libjpeg-turbo"}.get(plain, plain)
        if plain not in reasons:
            yield f"{library}: no line of reason in docs/decisions/0001-libraries.md"


def main():
    names = [name for name in tracked() if (TOP / name).exists()]
    complaints = [*unnamed(names), *dead_links(names), *unlisted_decisions(), *unlisted_packages()]
    print("\n".join(complaints) or "every file is on its folder's map")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
