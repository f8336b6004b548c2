#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's directory: a real slapd, everybody's password works, nobody reads without one."""
import configparser
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
TOOL = TOP / "tools/demo-directory"
BASE = "dc=almendro,dc=example"
ZAGUAN = sys.argv.pop(1) if len(sys.argv) > 1 else str(TOP / "build/client/ctl/zaguan")


def run(*words, **more):
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60,
                          **more)


class DemoDirectory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="zaguan-dir-")) / "i"
        made = run(ZAGUAN, "init", cls.dir, "--no-admin", "--web-directory", "/tmp")
        assert made.returncode == 0, made.stderr
        started = run(TOOL, "start", cls.dir)
        assert started.returncode == 0, started.stderr
        cls.home = cls.dir / "directory"
        cls.people = dict(line.split() for line in
                          (cls.home / "passwords").read_text().splitlines())

    @classmethod
    def tearDownClass(cls):
        stopped = run(TOOL, "stop", cls.dir)
        shutil.rmtree(cls.dir.parent)
        assert stopped.returncode == 0, stopped.stderr

    def search(self, *words, dn=f"cn=zaguan,ou=services,{BASE}", password=None):
        secret = self.home / "bind.password"
        if password is not None:
            secret = self.dir / "test.password"
            secret.write_text(password)
        return run("ldapsearch", "-LLL", "-x", "-o", "nettimeout=5", "-o", "ldif_wrap=no", "-H",
                   (self.home / "uris").read_text().strip(), "-D", dn, "-y", secret, *words,
                   env={**os.environ, "LDAPTLS_CACERT": str(self.dir / "ca/ca.pem")})

    def dn_of(self, name):
        found = self.search("-b", BASE, f"(uid={name})", "dn").stdout
        self.assertTrue(found.startswith("dn:"), found)
        return found

    def test_everybody_signs_in_with_the_printed_password(self):
        self.assertEqual(len(self.people), 13)
        for name, branch in (("ana.garcia", "norte"), ("emma.clarke", "london"),
                             ("iñaki", "norte")):
            dn = f"uid={name},ou={branch},ou=people,{BASE}"
            ok = self.search("-b", dn, "uid", dn=dn, password=self.people[name])
            self.assertEqual(ok.returncode, 0, ok.stderr)
            wrong = self.search("-b", dn, "uid", dn=dn, password="wrong")
            self.assertEqual(wrong.returncode, 49, wrong.stderr)

    def test_people_read_nobody_but_themselves(self):
        dn = f"uid=ana.garcia,ou=norte,ou=people,{BASE}"
        found = self.search("-b", BASE, "(uid=*)", "dn", dn=dn,
                            password=self.people["ana.garcia"]).stdout
        self.assertNotIn("emma.clarke", found)

    def test_nobody_reads_a_password_not_even_the_service(self):
        self.assertNotIn("userPassword", self.search("-b", BASE, "(uid=ana.garcia)", "*").stdout)

    def test_groups_are_nested(self):
        found = self.search("-b", BASE, "(cn=branches-es)", "member").stdout
        self.assertIn(f"member: cn=branch-norte,ou=groups,{BASE}", found)
        self.assertIn(f"memberOf: cn=branch-norte,ou=groups,{BASE}",
                      self.search("-b", BASE, "(uid=ana.garcia)", "memberOf").stdout)

    def test_secrets_are_closed_and_the_broker_is_told_once(self):
        for name in ("passwords", "bind.password", "slapd.key"):
            self.assertEqual(stat.S_IMODE((self.home / name).stat().st_mode), 0o600)
        self.assertEqual(run(TOOL, "start", self.dir).returncode, 0)
        conf = configparser.ConfigParser(strict=True, interpolation=None)
        conf.read(self.dir / "broker.conf")
        self.assertEqual(conf["ldap"]["uris"], (self.home / "uris").read_text().strip() + ";")
        self.assertEqual(conf["http"]["socket"], str(self.dir / "run/broker.sock"))
        self.assertEqual(stat.S_IMODE((self.dir / "broker.conf").stat().st_mode), 0o600)

    def test_it_starts_again_with_the_same_people_and_port(self):
        before = (self.home / "uris").read_text()
        self.assertEqual(run(TOOL, "stop", self.dir).returncode, 0)
        self.assertNotEqual(run(TOOL, "status", self.dir).returncode, 0)
        self.assertEqual(run(TOOL, "start", self.dir).returncode, 0)
        self.assertEqual((self.home / "uris").read_text(), before)
        self.dn_of("tom.baker")


if __name__ == "__main__":
    unittest.main(verbosity=2)
