#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""./tools/bench display --quick, with Zaguan alone; argv: the bench's run.py, the build folder."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

RUN, BUILD = "", ""


class BenchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "rows")
            cls.run_ = subprocess.run([sys.executable, RUN, BUILD, "--quick", "--jsonl", out],
                                      capture_output=True, text=True, timeout=120, check=False)
            with open(out, encoding="utf-8") as lines:
                cls.rows = {row["scene"]: row for row in map(json.loads, lines)}

    def test_every_scene_was_measured(self):
        self.assertEqual(self.run_.returncode, 0, self.run_.stderr)
        self.assertEqual(sorted(self.rows),
                         ["drag", "film", "idle", "scroll", "switch", "terminal", "type"])

    def test_the_picture_arrives_and_becomes_exact(self):
        for scene, row in self.rows.items():
            with self.subTest(scene=scene):
                self.assertGreater(row["bytes"], 0)
                self.assertGreater(row["cpu_s"], 0)
                self.assertGreater(row["p50_ms"], 0)
                self.assertGreaterEqual(row["p99_ms"], row["p50_ms"])
                self.assertGreaterEqual(row["seen"], row["frames"] // 3)
                self.assertGreaterEqual(row["exact_ms"], 0, "the picture never became exact")
                self.assertGreaterEqual(row["psnr_db"], 38)

    def test_moves_are_not_sent_as_pixels(self):
        # A scrolled screen has 1280x736 pixels; a page that only moves costs a few kilobytes.
        for scene in ("scroll", "terminal"):
            self.assertLess(self.rows[scene]["bytes"] / self.rows[scene]["seen"], 40000, scene)

    def test_text_is_exact_at_once(self):
        for scene in ("type", "terminal", "idle"):
            self.assertEqual(self.rows[scene]["psnr_db"], 99, scene)


if __name__ == "__main__":
    RUN, BUILD = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
