# SPDX-License-Identifier: GPL-3.0-or-later
"""From measured rows to Markdown tables of ratios and a plot."""
import html
import math
import statistics

EXACT_DB = 99
IN_BETWEEN = ("zaguan-front", "xvnc-websockify")  # held against each other; all others are plain TCP
# key, heading, unit; lower is better
METRICS = [("kb", "Bytes", "KB/frame"), ("cpu", "Server CPU", "ms/frame"), ("p50", "Delay", "ms")]
# Colour and shape: dots for JPEG allowed, rings for exact only, diamonds for other ways.
STYLES = {
    "zaguan": ("#0b6e4f", "dot"), "zaguan-lossless": ("#0b6e4f", "ring"), "zaguan-own": ("#2eb872", "diamond"),
    "zaguan-front": ("#8fd9b6", "diamond"), "xvnc-tight": ("#c0392b", "dot"), "xvnc-zrle": ("#c0392b", "ring"),
    "xvnc-websockify": ("#e59866", "diamond"), "libvncserver-tight": ("#2471a3", "dot"),
    "libvncserver-zrle": ("#2471a3", "ring"), "x11vnc": ("#7d3c98", "dot"), "qemu-tight": ("#b7950b", "dot"),
    "qemu-zrle": ("#b7950b", "ring"),
}


def is_ours(name):
    return name.startswith("zaguan")


def figures(row):
    """What is compared, for one run."""
    seen = max(row["seen"], 1)
    return {"kb": row["bytes"] / seen / 1000, "cpu": row["cpu_s"] / seen * 1000,
            "p50": row["p50_ms"], "p99": row["p99_ms"], "seen": 100 * row["seen"] / row["frames"],
            "psnr": row["psnr_db"], "exact": row["exact_ms"], "lossless": row["lossless"],
            "hour": row["cpu_s"] / row["play_s"] * 3600}


def fidelity(f):
    return f"{f['psnr']:.1f} dB" if f["psnr"] < EXACT_DB else "exact"


def exact_after(f):
    return f"{f['exact']:.0f}" if f["exact"] >= 0 else "not in 4 s"


def line(row):
    if "error" in row:
        return f"{row['scene']:9} {row['server']:19} failed: {row['error']}"
    f = figures(row)
    return (f"{row['scene']:9} {row['server']:19} {f['kb']:8.2f} KB/frame {f['cpu']:7.3f} ms CPU "
            f"p50 {f['p50']:6.2f} p99 {f['p99']:6.1f} ms, seen {f['seen']:3.0f} %, "
            f"{fidelity(f)}, exact after ms: {exact_after(f)}")


def medians(rows):
    """(scene, server) -> median figures of its runs, in the order they came."""
    runs = {}
    for row in rows:
        if "error" not in row:
            runs.setdefault((row["scene"], row["server"]), []).append(figures(row))
    return {key: {name: statistics.median(run[name] for run in group) for name in group[0]}
            for key, group in runs.items()}


def order(keys):
    return list(dict.fromkeys(keys))


# ---- tables ----

def best_of(peers, key):
    """Name and figures of the peer with the least, or None."""
    least = min(peers, key=lambda name: peers[name][key], default=None)
    return (least, peers[least]) if least else None


def peer_cell(best, key):
    if best is None:
        return "–"
    name, f = best
    notes = [fidelity(f)] + ([f"{f['seen']:.0f} % seen"] if f["seen"] < 95 else [])
    return f"{name} {f[key]:.2f} ({', '.join(notes)})"


def ratio_cell(ours, best, key):
    return f"{ours[key] / best[1][key]:.2f}×" if ours and best and best[1][key] > 0 else "–"


def ratio_rows(table):
    """One line per scene and metric: ours against the best of the others in this run, and the best that is exact."""
    lines = []
    for scene in order(scene for scene, _ in table):
        ours = [table.get((scene, name)) for name in ("zaguan", "zaguan-own")]
        peers = {name: f for (s, name), f in table.items() if s == scene and not is_ours(name) and name not in IN_BETWEEN}
        exact = {name: f for name, f in peers.items() if f["lossless"] or f["psnr"] >= EXACT_DB}
        if not any(ours) or not peers:
            continue
        for key, heading, unit in METRICS:
            bests = best_of(peers, key), best_of(exact, key)
            cells = [scene, f"{heading}, {unit}", *(peer_cell(best, key) for best in bests)]
            for f in ours:
                cells.append(f"{f[key]:.2f} ({fidelity(f)})" if f else "–")
                cells += [ratio_cell(f, best, key) for best in bests]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def way_rows(table):
    """The front against websockify, with the server behind each."""
    lines = []
    for scene in order(scene for scene, _ in table):
        pair = [table.get((scene, name)) for name in IN_BETWEEN]
        if all(pair):
            lines.append(f"| {scene} | " + " | ".join(ratio_cell(pair[0], (IN_BETWEEN[1], pair[1]), key)
                                                      for key, _, _ in METRICS) + " |")
    return lines


def all_rows(rows, table):
    lines = []
    for scene, name in order((row["scene"], row["server"]) for row in rows):
        group = [row for row in rows if (row["scene"], row["server"]) == (scene, name)]
        errors = [row["error"] for row in group if "error" in row]
        f = table.get((scene, name))
        if f:
            lines.append(f"| {scene} | {name} | {f['kb']:.2f} | {f['cpu']:.3f} | {f['p50']:.2f} | {f['p99']:.1f} "
                         f"| {f['seen']:.0f} | {fidelity(f)} | {exact_after(f)} | {f['hour']:.1f} |")
        if errors:
            reason = " ".join(errors[-1].replace("|", "/").split())
            lines.append(f"| {scene} | {name} | failed in {len(errors)} of {len(group)} runs: {reason} | | | | | | | |")
    return lines


def markdown(rows):
    table = medians(rows)
    out, ratios, ways = [], ratio_rows(table), way_rows(table)
    if ratios:
        out += ["| scene | metric | best peer | best exact peer | Zaguan, Tight | to best | to exact "
                "| Zaguan, own encoding | to best | to exact |",
                "|---|---|---|---|---|---|---|---|---|---|", *ratios, ""]
    if ways:
        out += ["| zaguan-front to xvnc-websockify | bytes | CPU | delay |", "|---|---|---|---|", *ways, ""]
    out += ["| scene | server | KB/frame | CPU ms/frame | p50 ms | p99 ms | frames seen % "
            "| while moving | exact after ms | CPU s an hour |",
            "|---|---|---|---|---|---|---|---|---|---|", *all_rows(rows, table)]
    return "\n".join(out)


# ---- plot ----

LANE, PANEL, LEFT, TOP = 7, 262, 84, 70
LOW, HIGH = 1 / 8, 128


def text(x, y, words, anchor="start", size=12, weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" '
            f'font-weight="{weight}">{html.escape(words)}</text>')


def mark(x, y, name, title):
    colour, shape = STYLES.get(name, ("#888", "dot"))
    if shape == "diamond":
        drawn = f'<path d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z" fill="{colour}">'
        return f"{drawn}<title>{html.escape(title)}</title></path>"
    look = f'r="4" fill="{colour}"' if shape == "dot" else f'r="3.2" fill="white" stroke="{colour}" stroke-width="2"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" {look}><title>{html.escape(title)}</title></circle>'


def panel(table, scenes, servers, key, left):
    """Marks on a logarithmic scale, each server relative to Zaguan, each in a lane of its own."""
    width, band, span = PANEL - 30, LANE * (len(servers) + 2), math.log(HIGH / LOW)
    parts = []
    for power in range(-2, 7):
        x = left + width * math.log(2 ** power / LOW) / span
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + band * len(scenes)}" '
                     f'stroke="{"#555" if power == 0 else "#ddd"}"/>')
        parts.append(text(x, TOP - 6, f"{2 ** power:g}×" if power >= 0 else f"1/{2 ** -power}", "middle", 9))
    for i, scene in enumerate(scenes):
        base = table.get((scene, "zaguan"))
        for j, name in enumerate(servers):
            f = table.get((scene, name))
            if f is None or base is None or base[key] <= 0 or f[key] <= 0:
                continue
            ratio = f[key] / base[key]
            x = left + width * math.log(min(max(ratio, LOW), HIGH) / LOW) / span
            parts.append(mark(x, TOP + band * i + LANE * (j + 1.5), name, f"{name}: {f[key]:.2f}, {ratio:.2f}×"))
    return parts


def svg(rows):
    table = medians(rows)
    scenes, servers = order(s for s, _ in table), order(n for _, n in table)
    band, columns = LANE * (len(servers) + 2), 6
    bottom = TOP + band * len(scenes)
    width, height = LEFT + 20 + PANEL * len(METRICS), bottom + 24 + 20 * math.ceil(len(servers) / columns)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             'font-family="sans-serif">', '<rect width="100%" height="100%" fill="white"/>']
    for i, scene in enumerate(scenes):
        if i % 2 == 0:
            parts.append(f'<rect x="0" y="{TOP + band * i}" width="{width}" height="{band}" fill="#f3f5f4"/>')
        parts.append(text(LEFT - 8, TOP + band * (i + 0.5) + 4, scene, "end"))
    for i, (key, heading, _) in enumerate(METRICS):
        left = LEFT + 8 + PANEL * i
        parts.append(text(left, 34, heading, weight="bold"))
        parts += panel(table, scenes, servers, key, left)
    parts.append(text(LEFT + 8, 16, "Zaguan (Tight) = 1×, logarithmic, less is better; rings: exact pixels only", size=11))
    for j, name in enumerate(servers):
        x, y = 24 + (width - 24) / columns * (j % columns), bottom + 24 + 20 * (j // columns)
        parts += [mark(x, y, name, name), text(x + 10, y + 4, name, size=11)]
    return "\n".join(parts + ["</svg>", ""])


HEAD = """# ./tools/bench display: the last run kept here
Made by `./tools/bench display`; how: [`tests/bench/README.md`](../../tests/bench/README.md). Lower is better
everywhere, and only ratios within one run mean anything.{notes}

![each server relative to Zaguan](display.svg)

"""


def write(rows, folder, notes="", page=""):
    """display.md, with a word about the machine and what the page's decoder took, and display.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    body = HEAD.format(notes=f" {notes}" if notes else "") + markdown(rows) + "\n" + (f"\n{page}\n" if page else "")
    (folder / "display.md").write_text(body, encoding="utf-8")
    (folder / "display.svg").write_text(svg(rows), encoding="utf-8")
