#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The LDAP provider against a real slapd, and against servers that misbehave."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROBE = os.path.abspath(sys.argv[1])
BASE = "dc=branch,dc=test"
REFUSED = "The user name or the password is not correct."


def run(*args, **kw):
    return subprocess.run(args, check=True, capture_output=True, **kw)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make_certificates(folder):
    """Two CAs; from the first a server certificate for 127.0.0.1 and one for another name."""
    for ca in ("ca", "other-ca"):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", f"{folder}/{ca}.key", "-out", f"{folder}/{ca}.pem", "-days", "2",
            "-subj", f"/CN=test {ca}", "-addext", "basicConstraints=critical,CA:TRUE")
    for name, san in (("server", "IP:127.0.0.1"), ("stranger", "DNS:other.example")):
        with open(f"{folder}/{name}.ext", "w", encoding="ascii") as f:
            f.write(f"subjectAltName={san}\n")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr",
            "-subj", f"/CN={name}")
        run("openssl", "x509", "-req", "-in", f"{folder}/{name}.csr", "-CA", f"{folder}/ca.pem",
            "-CAkey", f"{folder}/ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", f"{folder}/{name}.ext", "-out", f"{folder}/{name}.pem")


def person(uid, password="secret-1", extra="", ou="people"):
    return (f"dn: cn={uid} {ou},ou={ou},{BASE}\nobjectClass: inetOrgPerson\nuid: {uid}\n"
            f"cn: {uid} {ou}\nsn: {uid}\nuserPassword: {password}\n{extra}\n")


def group(name, *members):
    lines = "".join(f"member: {m}\n" for m in members)
    return f"dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n{lines}\n"


def dn_of(uid):
    return f"cn={uid} people,ou=people,{BASE}"


def group_dn(name):
    return f"cn={name},ou=groups,{BASE}"


def ldif():
    policy = ("objectClass: pwdPolicy\nobjectClass: device\npwdAttribute: userPassword\n")
    text = (f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Branch\ndc: branch\n\n"
            + "".join(f"dn: ou={ou},{BASE}\nobjectClass: organizationalUnit\nou: {ou}\n\n"
                      for ou in ("people", "more", "groups", "policies", "elsewhere"))
            + f"dn: cn=strict,ou=policies,{BASE}\n{policy}cn: strict\npwdMaxAge: 60\n"
              "pwdMustChange: TRUE\n\n"
            + f"dn: cn=reader,{BASE}\nobjectClass: organizationalRole\n"
              "objectClass: simpleSecurityObject\ncn: reader\nuserPassword: read-1\n\n")
    strict = f"pwdPolicySubentry: cn=strict,ou=policies,{BASE}\n"
    text += (person("ana", extra=f"memberOf: cn=outside,ou=elsewhere,{BASE}\n")
             + person("José (Pepe) Núñez*")
             + person("old", extra=strict + "pwdChangedTime: 20200101000000Z\n")
             + person("reset", extra=strict + "pwdReset: TRUE\n"
                      + time.strftime("pwdChangedTime: %Y%m%d%H%M%SZ\n", time.gmtime()))
             + person("twin") + person("twin", ou="more"))
    text += (group("madrid", dn_of("ana")) + group("branches", group_dn("madrid"))
             + group("everybody", group_dn("branches"), group_dn("loop"))
             + group("loop", group_dn("everybody"), group_dn("loop"))
             + group("admins", dn_of("twin")))
    return text


def wait_port(port, process):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        threading.Event().wait(0.02)
    raise RuntimeError("slapd does not start")


class Slapd:
    def __init__(self, folder, certificate, ldif_text):
        self.ldap, self.ldaps = free_port(), free_port()
        folder = f"{folder}/slapd-{certificate}"
        os.makedirs(f"{folder}/data")
        top = os.path.dirname(folder)
        with open(f"{folder}/slapd.conf", "w", encoding="ascii") as f:
            f.write("\n".join([
                "include /etc/ldap/schema/core.schema", "include /etc/ldap/schema/cosine.schema",
                "include /etc/ldap/schema/inetorgperson.schema",
                "modulepath /usr/lib/ldap", "moduleload back_mdb", "moduleload ppolicy",
                "moduleload memberof", f"pidfile {folder}/pid",
                f"TLSCACertificateFile {top}/ca.pem", f"TLSCertificateFile {top}/{certificate}.pem",
                f"TLSCertificateKeyFile {top}/{certificate}.key",
                "database mdb", f'suffix "{BASE}"', f"directory {folder}/data",
                "maxsize 16777216", "index uid,member eq",
                "access to attrs=userPassword by anonymous auth by * none",
                f'access to * by dn.exact="cn=reader,{BASE}" read by * none',
                "overlay ppolicy", ""]))
        run("/usr/sbin/slapadd", "-f", f"{folder}/slapd.conf", input=ldif_text.encode())
        self.process = subprocess.Popen(
            ["/usr/sbin/slapd", "-d", "0", "-f", f"{folder}/slapd.conf", "-h",
             f"ldap://127.0.0.1:{self.ldap}/ ldaps://127.0.0.1:{self.ldaps}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_port(self.ldaps, self.process)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Listener:
    """Accepts and hands every connection to `serve` on a thread of its own."""

    def __init__(self, serve):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.serve, self.kept = serve, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.kept.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def stop(self):
        self.socket.close()
        for connection in self.kept:
            connection.close()


def silent(_connection):
    """Never says anything; the listener keeps the connection."""


def dripping(connection):
    """A TLS record that comes a byte at a time and never ends."""
    try:
        connection.sendall(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb")
        while True:
            connection.sendall(b"\x00")
            threading.Event().wait(0.1)
    except OSError:
        pass


def relay(delay_s, port):
    """A slow way to a good directory."""
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                threading.Event().wait(delay_s)
                sink.sendall(data)
        except OSError:
            pass
        sink.close()

    def serve(connection):
        other = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=pump, args=(other, connection), daemon=True).start()
        pump(connection, other)
    return serve


class LdapTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="zaguan-ldap-")
        make_certificates(cls.folder)
        text = ldif()
        cls.good = Slapd(cls.folder, "server", text)
        cls.stranger = Slapd(cls.folder, "stranger", text)
        with open(f"{cls.folder}/reader", "w", encoding="ascii") as f:
            f.write("read-1\n")

    @classmethod
    def tearDownClass(cls):
        cls.good.stop()
        cls.stranger.stop()
        shutil.rmtree(cls.folder)

    def configure(self, uris, **keys):
        values = {"uris": ";".join(uris), "ca-file": f"{self.folder}/ca.pem",
                  "bind-dn": f"cn=reader,{BASE}", "bind-password-file": f"{self.folder}/reader",
                  "user-base": BASE, "group-base": f"ou=groups,{BASE}", "timeout-s": "2"}
        values.update({k.replace("_", "-"): v for k, v in keys.items()})
        path = f"{self.folder}/probe.conf"
        with open(path, "w", encoding="utf-8") as f:
            f.write("[ldap]\n" + "".join(f"{k}={v}\n" for k, v in values.items() if v))
        return path

    def ask(self, questions, uris=None, **keys):
        uris = uris or [f"ldaps://127.0.0.1:{self.good.ldaps}"]
        text = "".join(json.dumps(q) + "\n" for q in questions)
        done = subprocess.run([PROBE, self.configure(uris, **keys)], input=text, text=True,
                              capture_output=True, timeout=60, check=False)
        self.log = done.stderr
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def sign_in(self, user="ana", password="secret-1", uris=None, **keys):
        return self.ask([{"user": user, "password": password}], uris, **keys)[0]

    def assert_refused(self, answer):
        self.assertEqual((answer["ok"], answer["code"], answer["message"]),
                         (False, "unauthenticated", REFUSED))

    def assert_down(self, answer, least_ms=0, most_ms=2600):
        self.assertFalse(answer["ok"])
        self.assertIn(answer["code"], ("unavailable", "timeout"))
        self.assertGreaterEqual(answer["ms"], least_ms)
        self.assertLess(answer["ms"], most_ms)

    def test_a_person_signs_in_over_ldaps_and_nested_groups_are_found(self):
        answer = self.sign_in("ANA")
        self.assertTrue(answer["ok"], answer)
        self.assertEqual((answer["user"], answer["full_name"]), ("ana", "ana people"))
        for name in ("madrid", "branches", "everybody", "loop"):
            self.assertIn(name, answer["groups"])
            self.assertIn(group_dn(name), answer["groups"])
        self.assertNotIn("admins", answer["groups"])

    def test_the_short_name_of_a_group_outside_group_base_does_not_count(self):
        groups = self.sign_in()["groups"]
        self.assertIn(f"cn=outside,ou=elsewhere,{BASE}", groups)
        self.assertNotIn("outside", groups)

    def test_groups_come_from_memberof_alone_without_group_base(self):
        answer = self.sign_in(group_base=None)
        self.assertEqual(answer["groups"], [f"cn=outside,ou=elsewhere,{BASE}", "outside"])

    def test_a_person_signs_in_over_starttls(self):
        answer = self.sign_in(uris=[f"ldap://127.0.0.1:{self.good.ldap}"], start_tls="true")
        self.assertTrue(answer["ok"], answer)

    def test_plain_ldap_is_refused_and_insecure_is_loud(self):
        uri = f"ldap://127.0.0.1:{self.good.ldap}"
        done = subprocess.run([PROBE, self.configure([uri])], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("insecure", done.stderr)
        self.assertTrue(self.sign_in(uris=[uri], insecure="true")["ok"])
        self.assertIn("ldap-insecure", self.log)

    def test_wrong_password_and_unknown_user_are_one_answer(self):
        answers = self.ask([{"user": "ana", "password": "wrong"},
                            {"user": "nobody", "password": "wrong"},
                            {"user": "ana", "password": ""}])
        for answer in answers:
            self.assert_refused(answer)

    def test_names_that_are_filters_find_nobody(self):
        names = ["*", "*)(uid=*", "ana)(objectClass=*", "a\\2a", "(|(uid=*))", "ana*", "\\2a"]
        for answer in self.ask([{"user": n, "password": "secret-1"} for n in names]):
            self.assert_refused(answer)

    def test_a_name_with_special_characters_is_found(self):
        answer = self.sign_in("José (Pepe) Núñez*")
        self.assertTrue(answer["ok"], answer)
        self.assertEqual(answer["user"], "José (Pepe) Núñez*")

    def test_two_entries_of_one_name_are_nobody(self):
        self.assert_refused(self.sign_in("twin"))
        self.assertIn("ldap-not-unique", self.log)

    def test_an_expired_password_is_told_in_words(self):
        answer = self.sign_in("old")
        self.assertEqual((answer["ok"], answer["code"]), (False, "denied"))
        self.assertIn("expired", answer["message"])
        self.assert_refused(self.sign_in("old", "wrong"))

    def test_a_password_that_must_change_is_told_in_words(self):
        answer = self.sign_in("reset")
        self.assertEqual((answer["ok"], answer["code"]), (False, "denied"))
        self.assertIn("must change", answer["message"])

    def test_a_certificate_of_another_ca_is_refused(self):
        self.assert_down(self.sign_in(ca_file=f"{self.folder}/other-ca.pem"))

    def test_a_certificate_for_another_name_is_refused(self):
        self.assert_down(self.sign_in(uris=[f"ldaps://127.0.0.1:{self.stranger.ldaps}"]))
        self.assert_down(self.sign_in(uris=[f"ldap://127.0.0.1:{self.stranger.ldap}"],
                                      start_tls="true"))

    def test_a_directory_that_is_down_is_told_at_once_and_the_next_is_asked(self):
        down = f"ldaps://127.0.0.1:{free_port()}"
        self.assert_down(self.sign_in(uris=[down]), most_ms=500)
        answer = self.sign_in(uris=[down, f"ldaps://127.0.0.1:{self.good.ldaps}"])
        self.assertTrue(answer["ok"], answer)

    def test_a_silent_server_costs_no_more_than_the_time_limit(self):
        mute = Listener(silent)
        try:
            tls = f"ldaps://127.0.0.1:{mute.port}"  # silent inside the handshake
            self.assert_down(self.sign_in(uris=[tls]), least_ms=1500)
            plain = f"ldap://127.0.0.1:{mute.port}"  # silent before it
            self.assert_down(self.sign_in(uris=[plain], start_tls="true"), least_ms=1500)
            good = f"ldaps://127.0.0.1:{self.good.ldaps}"
            first, second = self.ask([{"user": "ana", "password": "secret-1"}] * 2, [tls, good])
            self.assertTrue(first["ok"] and second["ok"], (first, second))
            self.assertLess(second["ms"], 500)  # the one that answered is asked first now
        finally:
            mute.stop()

    def test_a_server_that_drips_bytes_is_cut_at_the_deadline(self):
        drip = Listener(dripping)
        try:
            self.assert_down(self.sign_in(uris=[f"ldaps://127.0.0.1:{drip.port}"]), least_ms=1000)
        finally:
            drip.stop()

    def test_an_answer_that_claims_gigabytes_is_refused_at_once(self):
        def huge(connection):
            try:
                connection.recv(4096)
                connection.sendall(b"\x30\x84\x7f\xff\xff\xf0\x02\x01\x01")
                threading.Event().wait(10)
            except OSError:
                pass

        server = Listener(huge)
        answer = self.sign_in(uris=[f"ldap://127.0.0.1:{server.port}"], insecure="true")
        server.stop()
        self.assertFalse(answer["ok"])
        self.assertEqual(answer["code"], "unavailable")
        self.assertLess(answer["ms"], 1500)

    def test_a_slow_directory_still_signs_in_and_a_slower_one_ends_in_time(self):
        slow = Listener(relay(0.05, self.good.ldaps))
        slower = Listener(relay(0.6, self.good.ldaps))
        try:
            answer = self.sign_in(uris=[f"ldaps://127.0.0.1:{slow.port}"], timeout_s="5")
            self.assertTrue(answer["ok"], answer)
            self.assert_down(self.sign_in(uris=[f"ldaps://127.0.0.1:{slower.port}"]))
        finally:
            slow.stop()
            slower.stop()

    def test_a_wrong_password_of_the_searching_account_is_no_refusal_of_the_person(self):
        with open(f"{self.folder}/wrong", "w", encoding="ascii") as f:
            f.write("nonsense\n")
        answer = self.sign_in(bind_password_file=f"{self.folder}/wrong")
        self.assert_down(answer)
        self.assertIn("bind-dn", answer["message"])

    def test_the_probe_tells_whether_sign_in_would_work(self):
        self.assertTrue(self.ask([{}])[0]["ok"])
        self.assert_down(self.ask([{}], [f"ldaps://127.0.0.1:{free_port()}"])[0])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"] + sys.argv[2:])
