# SPDX-License-Identifier: GPL-3.0-or-later
"""A console viewer for tests: WebSocket over TLS, RFB 3.8 with Raw and DesktopSize, keys, pixels.

Knows nothing of the project's code: everything here is from RFC 6455, RFC 6143 and
docs/protocol/console.md.
"""
import base64
import json
import os
import select
import socket
import ssl
import struct
import time

KEYSYMS = {"\n": 0xFF0D, "\t": 0xFF09, "\x1b": 0xFF1B}
SHIFTED = set('ABCDEFGHIJKLMNOPQRSTUVWXYZ~!@#$%^&*()_+{}|:"<>?')
EXTENDED_DESKTOP_SIZE = -308
DESKTOP_SIZE = -223
LAST_RECT = -224


class Closed(Exception):
    """The server ended the connection; code and reason as it gave them."""

    def __init__(self, code, reason):
        super().__init__(f"closed with {code}: {reason}")
        self.code, self.reason = code, reason


class WebSocket:
    """Binary messages over wss. Text messages are collected in `texts`. A message is waited for
    until `until` (monotonic), or for `timeout` seconds when that is None, whatever else comes."""

    def __init__(self, address, port, ca, origin=None, path="/console", timeout=30):
        context = ssl.create_default_context(cafile=ca)
        raw = socket.create_connection((address, port), timeout)
        self.socket = context.wrap_socket(raw, server_hostname=address)
        self.socket.settimeout(timeout)
        self.received, self.texts, self.closed = b"", [], None
        self.timeout, self.until = timeout, None
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {address}:{port}", "Upgrade: websocket",
                 "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Protocol: binary"]
        if origin:
            lines.append(f"Origin: {origin}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = self.socket.recv(4096)
            if not chunk:
                raise Closed(0, head.decode(errors="replace"))
            head += chunk
        head, _, self.received = head.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])
        if self.status != 101:
            raise Closed(self.status, head.decode(errors="replace"))

    def send(self, payload, opcode=2):
        mask = os.urandom(4)
        n = len(payload)
        head = bytes([0x80 | opcode])
        if n < 126:
            head += bytes([0x80 | n])
        elif n < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", n)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", n)
        self.socket.sendall(head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(payload)))

    def _need(self, n, until):
        while len(self.received) < n:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("no whole message of the server in time")
            self.socket.settimeout(left)
            try:
                chunk = self.socket.recv(1 << 18)
            finally:
                self.socket.settimeout(self.timeout)
            if not chunk:
                raise Closed(1006, "connection lost")
            self.received += chunk

    def message(self):
        """The next binary message."""
        outer = self.until
        self.until = outer or time.monotonic() + self.timeout
        try:
            while (message := self.any_message()) is None:
                pass
            return message
        finally:
            self.until = outer

    def any_message(self):
        """The next binary message; None when there was a text for `texts` instead."""
        whole = b""
        until = self.until or time.monotonic() + self.timeout
        while True:
            self._need(2, until)
            first, second = self.received[0], self.received[1]
            n, at = second & 127, 2
            if n == 126:
                self._need(4, until)
                n, at = struct.unpack(">H", self.received[2:4])[0], 4
            elif n == 127:
                self._need(10, until)
                n, at = struct.unpack(">Q", self.received[2:10])[0], 10
            self._need(at + n, until)
            payload, self.received = self.received[at:at + n], self.received[at + n:]
            opcode = first & 15
            if opcode == 8:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                raise Closed(code, payload[2:].decode(errors="replace"))
            if opcode == 9:
                self.send(payload, 10)
            elif opcode == 1:
                self.texts.append(json.loads(payload))
                return None
            elif opcode in (0, 2):
                whole += payload
                if first & 0x80:
                    return whole

    def readable(self, timeout):
        if self.received or self.socket.pending():
            return True
        return bool(select.select([self.socket], [], [], timeout)[0])

    def drop(self):
        """Lose the transport, as a pulled cable would look to the server."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Console:
    """An open console: `width`, `height`, `pixel(x, y)`, `type(text)`, `wait(condition)`."""

    def __init__(self, address, port, ca, secret, kind="ticket", terminal="test", **options):
        self.web = WebSocket(address, port, ca, **options)
        self.web.send(json.dumps({kind: secret, "terminal": terminal}).encode())
        self.answer = json.loads(self.web.message())
        self.resume = self.answer["resume"]
        self.stream = b""
        self.clipboard, self.n_updates = None, 0
        self._handshake()

    def _read(self, n):
        while len(self.stream) < n:
            self.stream += self.web.message()
        out, self.stream = self.stream[:n], self.stream[n:]
        return out

    def _handshake(self):
        assert self._read(12) == b"RFB 003.008\n"
        self.web.send(b"RFB 003.008\n")
        types = self._read(self._read(1)[0])
        assert 1 in types, types
        self.web.send(b"\x01")
        assert self._read(4) == b"\0\0\0\0"
        self.web.send(b"\x01")
        self.width, self.height = struct.unpack(">HH", self._read(4))
        self._read(16)
        self.name = self._read(struct.unpack(">I", self._read(4))[0]).decode()
        self.web.send(struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        encodings = [0, DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE, LAST_RECT]
        self.web.send(struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings))
        self.frame = bytearray(self.width * self.height * 4)
        self.request(False)

    def request(self, incremental=True):
        self.web.send(struct.pack(">BBHHHH", 3, incremental, 0, 0, self.width, self.height))

    def _resized(self, width, height):
        if (width, height) != (self.width, self.height):
            self.width, self.height = width, height
            self.frame = bytearray(width * height * 4)

    def _rectangle(self):
        x, y, w, h, encoding = struct.unpack(">HHHHi", self._read(12))
        if encoding == 0:
            data = self._read(w * h * 4)
            for row in range(h):
                at = ((y + row) * self.width + x) * 4
                self.frame[at:at + w * 4] = data[row * w * 4:(row + 1) * w * 4]
        elif encoding == DESKTOP_SIZE:
            self._resized(w, h)
        elif encoding == EXTENDED_DESKTOP_SIZE:
            n = self._read(4)[0]
            self._read(16 * n)
            if y == 0 or x == 0:
                self._resized(w, h)
        elif encoding == LAST_RECT:
            return False
        else:
            raise AssertionError(f"an encoding nobody asked for: {encoding}")
        return True

    def step(self):
        """Handle one message of the server."""
        kind = self._read(1)[0]
        if kind == 0:
            n = struct.unpack(">xH", self._read(3))[0]
            for _ in range(n):
                if not self._rectangle():
                    break
            self.n_updates += 1
            self.request()
        elif kind == 2:
            pass
        elif kind == 3:
            length = struct.unpack(">3xi", self._read(7))[0]
            self.clipboard = self._read(abs(length))
        else:
            raise AssertionError(f"unknown server message {kind}")

    def wait(self, condition, seconds=60, what="the picture"):
        """Follow the screen until `condition(self)`; its value is returned."""
        deadline = self.web.until = time.monotonic() + seconds
        late = f"{what} did not come within {seconds} s"
        try:
            while True:
                value = condition(self)
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(late)
                self.poll(min(left, 1))
        except TimeoutError as failure:
            raise AssertionError(late) from failure
        finally:
            self.web.until = None

    def settle(self, still=0.3, seconds=3):
        """Follow the screen until it stands still; one that never does is left as it is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.poll(still):
            pass

    def poll(self, seconds):
        """Handle what comes within that time. Return: whether something did."""
        if not self.stream and self.web.readable(seconds):
            self.stream += self.web.any_message() or b""
        if not self.stream:
            return False
        self.step()
        return True

    def pixel(self, x, y):
        """(red, green, blue)"""
        at = (y * self.width + x) * 4
        return self.frame[at + 2], self.frame[at + 1], self.frame[at]

    def count(self, rgb, step=4):
        """How many of the sampled pixels have this colour."""
        wanted = bytes([rgb[2], rgb[1], rgb[0]])
        found = 0
        for y in range(0, self.height, step):
            for x in range(0, self.width, step):
                at = (y * self.width + x) * 4
                found += self.frame[at:at + 3] == wanted
        return found

    def key(self, keysym, down):
        self.web.send(struct.pack(">BBxxI", 4, down, keysym))

    def type(self, text):
        for letter in text:
            keysym = KEYSYMS.get(letter, ord(letter))
            if letter in SHIFTED:
                self.key(0xFFE1, True)
            self.key(keysym, True)
            self.key(keysym, False)
            if letter in SHIFTED:
                self.key(0xFFE1, False)

    def cut_text(self, text):
        """Offer the viewer's clipboard, as viewers without the extended one do."""
        body = text.encode("latin-1")
        self.web.send(struct.pack(">BxxxI", 6, len(body)) + body)

    def move(self, x, y, buttons=0):
        self.web.send(struct.pack(">BBHH", 5, buttons, x, y))

    def click(self, x, y):
        for buttons in (0, 1, 0):
            self.move(x, y, buttons)

    def set_desktop_size(self, width, height):
        self.web.send(struct.pack(">BxHHBxIHHHHI", 251, width, height, 1, 0, 0, 0, width, height, 0))

    def save(self, path):
        """Write the screen as PPM."""
        with open(path, "wb") as out:
            out.write(f"P6 {self.width} {self.height} 255\n".encode())
            body = bytearray(self.width * self.height * 3)
            body[0::3], body[1::3], body[2::3] = (self.frame[2::4], self.frame[1::4],
                                                  self.frame[0::4])
            out.write(body)

    def close(self):
        try:
            self.web.send(struct.pack(">H", 1000), 8)
        except OSError:
            pass
        self.web.socket.close()
