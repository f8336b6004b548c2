# SPDX-License-Identifier: GPL-3.0-or-later
"""Viewers as people use them, for tests: Chromium by scripts of this folder, TigerVNC by its dialog."""
import hashlib
import json
import os
import shutil
import subprocess
import sys

from installation import ROOT


def node_modules():
    """The test-only modules of the lockfile, kept in .cache; no install script runs."""
    web = ROOT / "client/web"
    key = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = ROOT / ".cache" / f"node-{key}"
    if not (folder / "done").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(web / name, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                        "--loglevel=error"], cwd=folder, check=True, stdout=sys.stderr)
        (folder / "done").touch()
    return folder / "node_modules"


def chromium(script, task, seconds):
    """Runs a script of this folder with that task; it prints what it sees."""
    done = subprocess.run(["node", ROOT / "tests/e2e" / script], text=True, timeout=seconds,
                          input=json.dumps(task), check=False,
                          env=dict(os.environ, ZAGUAN_NODE_MODULES=str(node_modules())))
    assert done.returncode == 0, f"{script}: see above"


def tigervnc(screen, inst, user, title, *options):
    """TigerVNC on that screen, signed in with its own dialog; its window shows the desktop."""
    screen.start("xtigervncviewer", "-SecurityTypes", "X509Plain", "-X509CA", inst.ca, *options,
                 f"127.0.0.1::{inst.rfb_port}")
    dialog = screen.window("VNC authentication")
    screen.call("xdotool", "windowfocus", dialog, "mousemove", "--window", dialog, 200, 72,
                "click", 1)
    screen.type(f"{user}\t{inst.password(user)}")
    screen.key("Return")
    return screen.window(title, 240)
