# SPDX-License-Identifier: GPL-3.0-or-later
"""An X server for one stock viewer, and what a person does in front of it: keys, a pointer, eyes."""
import os
import select
import subprocess
import tempfile

from installation import wait_for, wait_for_echoes


class Screen:
    """with Screen() as screen: screen.start("xtigervncviewer", …)"""

    def __init__(self, keyboard="es", size="1280x800"):
        self.keyboard, self.size = keyboard, size
        self.programs = []

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory(prefix="zgv")
        self.env = {"PATH": os.environ["PATH"], "HOME": self.home.name, "LANG": "C.UTF-8",
                    "XDG_RUNTIME_DIR": self.home.name}
        read_end, write_end = os.pipe()
        self.start("Xvfb", "-displayfd", write_end, "-screen", "0", f"{self.size}x24", "-noreset",
                   "-nolisten", "tcp", pass_fds=[write_end])
        os.close(write_end)
        number = b""
        while not number.endswith(b"\n"):
            assert select.select([read_end], [], [], 30)[0], "no Xvfb"
            number += os.read(read_end, 16)
        os.close(read_end)
        self.env["DISPLAY"] = ":" + number.decode().strip()
        self.call("setxkbmap", self.keyboard)
        return self

    def __exit__(self, kind, failure, trace):
        keep = os.environ.get("ZAGUAN_TEST_KEEP")
        if failure is not None and keep and os.path.isdir(keep):
            self.save(f"{keep}/viewer-failed.png")
        for program in reversed(self.programs):
            if program.poll() is None:
                program.terminate()
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:  # TigerVNC with a dialog open stays
                program.kill()
                program.wait(10)
        self.home.cleanup()

    def call(self, *words, **more):
        """What a short program of this screen prints."""
        return subprocess.run([str(word) for word in words], env=self.env, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
                              **more).stdout

    def start(self, *words, **more):
        more = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **more}
        program = subprocess.Popen([str(word) for word in words], env=self.env, **more)
        self.programs.append(program)
        return program

    def window(self, name, seconds=60):
        """The id of a visible window whose title matches."""
        found = wait_for(lambda: self.call("xdotool", "search", "--onlyvisible", "--name",
                                           name).split(), seconds, f"a window '{name}'")
        return found[0].decode()

    def type(self, text, delay_ms=40):
        """As a person on a Spanish keyboard does: á is two keys, the accent's first."""
        for at, part in enumerate(text.split("á")):
            if at > 0:
                self.key("dead_acute", "a")
            self.call("xdotool", "type", "--delay", delay_ms, "--file", "-", input=part.encode())

    def key(self, *names):
        self.call("xdotool", "key", *names)

    def take_keyboard(self, window, x=500, y=400):
        """What a click does where there is a window manager; here is none."""
        self.call("xdotool", "mousemove", x, y, "click", 1)
        self.call("xdotool", "windowfocus", "--sync", window)

    def take_terminal(self, window):
        """The same, until the guest's terminal has the keyboard, too."""
        self.take_keyboard(window)
        wait_for_echoes(lambda: self.key("space"), self.picture)

    def picture(self):
        """Pixels of the whole screen, three bytes each."""
        return self.call("import", "-window", "root", "-depth", "8", "rgb:-")

    def share(self, colour, slack=8):
        """How much of the screen has that colour: 0..1."""
        data = self.picture()[:]
        step = 3 * 97
        near = sum(all(abs(data[i + k] - colour[k]) <= slack for k in range(3))
                   for i in range(0, len(data) - 2, step))
        return near / max(1, len(data) // step)

    def shows(self, colour, seconds, what, least=0.4):
        wait_for(lambda: self.share(colour) > least, seconds, what)

    def save(self, path):
        self.call("import", "-window", "root", path)
