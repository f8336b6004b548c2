#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables and plot of ./tools/bench display, from rows that are made up; argv: the folder of report.py."""
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, sys.argv[1])
import report  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def row(server, kb, psnr=99, lossless=False, **other):
    """100 frames, all of them seen, a tenth of the bytes in milliseconds."""
    return {"scene": "scroll", "server": server, "lossless": lossless, "frames": 100, "seen": 100, "bytes": kb * 1e5,
            "cpu_s": kb / 10, "p50_ms": kb, "p99_ms": kb * 2, "psnr_db": psnr, "exact_ms": 5, "play_s": 4, **other}


ROWS = [row("zaguan", 4, 50), row("zaguan-own", 2, 51), row("zaguan-lossless", 1, lossless=True),
        row("xvnc-tight", 40, 42), row("xvnc-zrle", 80, 30, lossless=True), row("qemu-tight", 100, 40)]


def cells(markdown, *begin):
    """The line of a table that begins with these cells."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines()]
    found = [line for line in lines if line[:len(begin)] == list(begin)]
    assert len(found) == 1, (begin, markdown)
    return found[0]


class Tables(unittest.TestCase):
    def test_ours_is_held_against_the_best_peer_and_the_best_that_is_exact(self):
        self.assertEqual(cells(report.markdown(ROWS), "scroll", "Bytes, KB/frame")[2:],
                         ["xvnc-tight 40.00 (42.0 dB)", "xvnc-zrle 80.00 (30.0 dB)", "4.00 (50.0 dB)", "0.10×", "0.05×",
                          "2.00 (51.0 dB)", "0.05×", "0.03×"])

    def test_a_lossy_peer_that_was_exact_counts_as_exact(self):
        best = cells(report.markdown([*ROWS, row("x11vnc", 60)]), "scroll", "Delay, ms")[3]
        self.assertEqual(best, "x11vnc 60.00 (exact)")

    def test_frames_left_out_are_said_beside_the_peer(self):
        best = cells(report.markdown([ROWS[0], row("x11vnc", 60, seen=50)]), "scroll", "Delay, ms")[2]
        self.assertEqual(best, "x11vnc 60.00 (exact, 50 % seen)")

    def test_each_cell_is_the_median_of_its_runs(self):
        rows = [*ROWS, row("xvnc-tight", 60, 42), row("xvnc-tight", 90, 42)]
        self.assertEqual(cells(report.markdown(rows), "scroll", "xvnc-tight")[2], "60.00")

    def test_a_server_that_fails_stays_in_the_table_with_its_reason(self):
        rows = [*ROWS, {"scene": "scroll", "server": "x11vnc", "lossless": False, "error": "frame 3 |\nof 9"}]
        self.assertEqual(cells(report.markdown(rows), "scroll", "x11vnc")[2], "failed in 1 of 1 runs: frame 3 / of 9")

    def test_ways_are_held_against_each_other_and_never_the_best_peer(self):
        text = report.markdown([*ROWS, row("zaguan-front", 5), row("xvnc-websockify", 10)])
        self.assertEqual(cells(text, "scroll", "0.50×")[1:], ["0.50×"] * 3)
        self.assertEqual(cells(text, "scroll", "Delay, ms")[2], "xvnc-tight 40.00 (42.0 dB)")

    def test_without_peers_there_are_no_ratios(self):
        self.assertNotIn("best peer", report.markdown(ROWS[:3]))

    def test_never_exact_is_said(self):
        self.assertEqual(cells(report.markdown([row("qemu-tight", 1, 40, exact_ms=-1)]), "scroll", "qemu-tight")[8],
                         "not in 4 s")


class Plot(unittest.TestCase):
    def setUp(self):
        self.root = xml.etree.ElementTree.fromstring(report.svg(ROWS))

    def marks(self, server):
        """[(x, y)] of a server's rings and dots; the last is the legend's."""
        return [(float(c.get("cx")), float(c.get("cy"))) for c in self.root.iter(SVG + "circle")
                if c.find(SVG + "title").text.split(":")[0] == server]

    def test_every_server_is_in_each_panel_and_in_the_legend(self):
        for server in ("zaguan", "zaguan-lossless", "xvnc-tight", "xvnc-zrle", "qemu-tight"):
            self.assertEqual(len(self.marks(server)), len(report.METRICS) + 1, server)
        diamonds = [p for p in self.root.iter(SVG + "path") if p.find(SVG + "title").text.startswith("zaguan-own")]
        self.assertEqual(len(diamonds), len(report.METRICS) + 1)

    def test_less_is_to_the_left_and_nobody_covers_another(self):
        order = ["zaguan-lossless", "zaguan", "xvnc-tight", "xvnc-zrle", "qemu-tight"]
        first = [self.marks(server)[0] for server in order]
        self.assertEqual([x for x, _ in first], sorted(x for x, _ in first))
        self.assertEqual(len({y for _, y in first}), len(order))

    def test_all_lies_on_the_paper_even_far_outside_the_scale(self):
        root = xml.etree.ElementTree.fromstring(report.svg([*ROWS, row("x11vnc", 1e6)]))
        for mark in root.iter(SVG + "circle"):
            self.assertTrue(0 < float(mark.get("cx")) < float(root.get("width")))
            self.assertTrue(0 < float(mark.get("cy")) < float(root.get("height")))

    def test_every_server_of_the_bench_has_a_look_of_its_own(self):
        import run  # pylint: disable=import-outside-toplevel
        looks = [report.STYLES[name] for name in run.SERVERS]
        self.assertEqual(len(set(looks)), len(looks))


class Kept(unittest.TestCase):
    def test_the_page_and_the_machine_are_kept_with_the_table(self):
        with tempfile.TemporaryDirectory() as folder:
            report.write(ROWS, pathlib.Path(folder), "2 cores.", "## The page\n")
            text = pathlib.Path(folder, "display.md").read_text(encoding="utf-8")
            self.assertIn("mean anything. 2 cores.", text)
            self.assertIn("| scroll | zaguan-own |", text)
            self.assertIn("\n\n## The page\n", text)
            xml.etree.ElementTree.parse(pathlib.Path(folder, "display.svg"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
