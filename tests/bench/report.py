# SPDX-License-Identifier: GPL-3.0-or-later
"""From measured rows to a Markdown table of ratios and a plot."""
import math
import statistics

OURS = ("zaguan", "zaguan-lossless")
# key, heading, unit; lower is better
METRICS = [("kb", "Bytes", "KB/frame"), ("cpu", "Server CPU", "ms/frame"), ("p50", "Delay", "ms")]
COLOURS = ["#0b6e4f", "#7bc8a4", "#c0392b", "#e59866", "#2471a3", "#85c1e9"]


def figures(row):
    """What is compared, for one run."""
    seen = max(row["seen"], 1)
    return {"kb": row["bytes"] / seen / 1000, "cpu": row["cpu_s"] / seen * 1000,
            "p50": row["p50_ms"], "p99": row["p99_ms"], "seen": 100 * row["seen"] / row["frames"],
            "psnr": row["psnr_db"], "exact": row["exact_ms"],
            "hour": row["cpu_s"] / row["play_s"] * 3600}


def line(row):
    if "error" in row:
        return f"{row['scene']:9} {row['server']:19} failed: {row['error']}"
    f = figures(row)
    return (f"{row['scene']:9} {row['server']:19} {f['kb']:8.2f} KB/frame {f['cpu']:7.3f} ms CPU "
            f"p50 {f['p50']:6.2f} p99 {f['p99']:6.1f} ms, seen {f['seen']:3.0f} %, "
            f"{f['psnr']:.1f} dB, exact after {f['exact']:.0f} ms")


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


def ratio_rows(table):
    """One line per scene and metric: ours against the best of the others in this run."""
    lines = []
    for scene in order(scene for scene, _ in table):
        ours = table.get((scene, "zaguan"))
        others = {name: f for (s, name), f in table.items() if s == scene and name not in OURS}
        if ours is None or not others:
            continue
        for key, heading, unit in METRICS:
            best = min(others, key=lambda name: others[name][key])
            value = others[best][key]
            ratio = f"{ours[key] / value:.2f}" if value > 0 else "-"
            lines.append(f"| {scene} | {heading}, {unit} | {ours[key]:.2f} | {best} {value:.2f} "
                         f"| {ratio} |")
    return lines


def markdown(rows):
    table = medians(rows)
    out = []
    ratios = ratio_rows(table)
    if ratios:
        out += ["| scene | metric | Zaguan | best of the others | ratio |",
                "|---|---|---|---|---|", *ratios, ""]
    out += ["| scene | server | KB/frame | CPU ms/frame | p50 ms | p99 ms | frames seen % "
            "| dB while moving | exact after ms | CPU s an hour |",
            "|---|---|---|---|---|---|---|---|---|---|"]
    for (scene, name), f in table.items():
        exact = f"{f['exact']:.0f}" if f["exact"] >= 0 else "not in 4 s"
        fidelity = f"{f['psnr']:.1f}" if f["psnr"] < 99 else "exact"
        out.append(f"| {scene} | {name} | {f['kb']:.2f} | {f['cpu']:.3f} | {f['p50']:.2f} "
                   f"| {f['p99']:.1f} | {f['seen']:.0f} | {fidelity} | {exact} "
                   f"| {f['hour']:.1f} |")
    failed = [line(row) for row in rows if "error" in row]
    return "\n".join(out + [""] * bool(failed) + failed)


def text(x, y, words, anchor="start", size=12, weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" '
            f'font-weight="{weight}">{words}</text>')


def panel(table, scenes, servers, key, left, top):
    """Dots on a logarithmic scale, each server relative to Zaguan."""
    width, low, high, step = 260, 1 / 8, 64, 26
    span = math.log(high / low)
    parts = []
    for mark in (0.25, 0.5, 1, 2, 4, 8, 16, 32):
        x = left + width * math.log(mark / low) / span
        colour = "#555" if mark == 1 else "#ddd"
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + step * len(scenes)}" '
                     f'stroke="{colour}"/>')
        parts.append(text(x, top - 6, f"{mark:g}×", "middle", 10))
    for i, scene in enumerate(scenes):
        base = table.get((scene, "zaguan"))
        for j, name in enumerate(servers):
            f = table.get((scene, name))
            if f is None or base is None or base[key] <= 0 or f[key] <= 0:
                continue
            ratio = min(max(f[key] / base[key], low), high)
            x = left + width * math.log(ratio / low) / span
            y = top + step * i + 13
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{COLOURS[j % 6]}" '
                         f'fill-opacity="0.85"><title>{name}: {f[key]:.2f}</title></circle>')
    return parts


def svg(rows):
    table = medians(rows)
    scenes, servers = order(s for s, _ in table), order(n for _, n in table)
    height = 110 + 26 * len(scenes)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="960" height="{height}" '
             'font-family="sans-serif">', '<rect width="100%" height="100%" fill="white"/>']
    for i, scene in enumerate(scenes):
        parts.append(text(84, 78 + 26 * i, scene, "end"))
    for i, (key, heading, _) in enumerate(METRICS):
        left = 100 + 286 * i
        parts.append(text(left, 34, f"{heading}, Zaguan = 1×, less is better", size=11,
                          weight="bold"))
        parts += panel(table, scenes, servers, key, left, 61)
    for j, name in enumerate(servers):
        x = 100 + 142 * j
        parts.append(f'<circle cx="{x}" cy="{height - 22}" r="5" fill="{COLOURS[j % 6]}"/>')
        parts.append(text(x + 10, height - 18, name))
    return "\n".join(parts + ["</svg>", ""])


HEAD = """# ./tools/bench display: the last run kept here
Made by `./tools/bench display`; how: [`tests/bench/README.md`](../../tests/bench/README.md). Lower is better
everywhere, and only ratios within one run mean anything.

![each server relative to Zaguan](display.svg)

"""


def write(rows, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "display.md").write_text(HEAD + markdown(rows) + "\n", encoding="utf-8")
    (folder / "display.svg").write_text(svg(rows), encoding="utf-8")
