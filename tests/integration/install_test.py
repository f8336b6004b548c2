#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `meson install` lays down works from where it is, and its units are good units."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = os.path.abspath(sys.argv[1])


def run(*words, **more):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=120,
                          check=False, **more)


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.top = pathlib.Path(tempfile.mkdtemp(prefix="zaguan-install-"))
        done = run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.top / "dest")
        assert done.returncode == 0, done.stdout + done.stderr
        cls.prefix = next((cls.top / "dest").rglob("bin/zaguan")).parent.parent
        cls.env = {"PATH": os.environ["PATH"], "HOME": str(cls.top), "LANG": "C.UTF-8"}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.top)

    def zaguan(self, *words):
        return run(self.prefix / "bin/zaguan", *words, env=self.env)

    def test_everything_is_there(self):
        for path in ("bin/zaguan-broker", "bin/zaguan-hostd", "bin/zaguan-display",
                     "libexec/zaguan/guest/zaguan-session", "share/zaguan/guest/template-build",
                     "share/zaguan/guest/templates/debian-tiny/recipe.conf",
                     "share/man/man1/zaguan.1", "share/bash-completion/completions/zaguan",
                     "lib/systemd/system/zaguan.target"):
            self.assertTrue((self.prefix / path).exists(), path)
        for part in ("bin/zaguan", "share/zaguan/guest/template-build"):
            self.assertTrue(os.access(self.prefix / part, os.X_OK), part)

    def test_an_installation_is_made_and_answers(self):
        if not (self.prefix / "share/zaguan/web/index.html").exists():
            self.skipTest("built without the portal")
        folder = self.top / "inst"
        made = self.zaguan("init", folder, "--listen", "127.0.0.1", "--metrics-port", "0")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn(f"web-directory={self.prefix}/share/zaguan/web",
                      (folder / "broker.conf").read_text())

    def test_recipes_are_found_where_they_are_installed(self):
        build = self.prefix / "share/zaguan/guest/template-build"
        self.assertEqual(run(build, "--list").stdout.split(), ["debian-desktop", "debian-tiny"])
        self.assertRegex(run(build, "debian-tiny", "--key").stdout, r"^[0-9a-f]{16}\n$")

    def test_the_manual_is_one_that_man_reads(self):
        if shutil.which("man") is None:
            self.skipTest("no man here")
        done = run("man", "--warnings", "-l", self.prefix / "share/man/man1/zaguan.1",
                   env={**self.env, "MANWIDTH": "100", "MANPAGER": "cat"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("zaguan pool scale POOL [--ready N] [--max N]", done.stdout)

    def test_units_are_good(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("no systemd here")
        folder = self.top / "units"
        folder.mkdir(exist_ok=True)
        for unit in (self.prefix / "lib/systemd/system").iterdir():
            # The programs are not where they will be.
            text = unit.read_text().replace("/usr/local/bin/", f"{self.prefix}/bin/")
            (folder / unit.name).write_text(text)
        done = run("systemd-analyze", "verify", "--man=no", *sorted(folder.iterdir()),
                   env={**self.env, "SYSTEMD_LOG_LEVEL": "warning",
                        "SYSTEMD_UNIT_PATH": f"{folder}:"})
        complaints = [line for line in done.stderr.splitlines() if "zaguan" in line]
        self.assertEqual(complaints, [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"] + sys.argv[2:])
