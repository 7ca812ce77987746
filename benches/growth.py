"""The picture of docs/performance.md: cost against batch, bins and window."""

from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

AXES = {
    "n": "batch n   (K = 64, B = 256)",
    "K": "bins K   (n = 256, B = 256)",
    "B": "window B   (n = 256, K = 64)",
}
COLOURS = {"refresh": "#7a5195", "observe": "#ef5675", "sample": "#003f5c", "floor": "#999999"}
LABELS = {"refresh": "refresh", "observe": "observe", "sample": "sample", "floor": "floor: words drawn and stored"}


def read(text):
    """The lines of benches/c/growth.c: {axis: {call: [(value, ns)]}} and {(K, B): bytes}."""
    curves, sizes = defaultdict(lambda: defaultdict(list)), {}
    for line in text.splitlines():
        axis, value, call, number = line.split()
        if axis == "bytes":
            sizes[int(value), int(call)] = int(number)
        else:
            curves[axis][call].append((int(value), float(number)))
    return curves, sizes


def plot(curves, path):
    figure, panels = plt.subplots(1, 3, figsize=(12, 4.2), sharey=True, constrained_layout=True)
    for panel, (axis, label) in zip(panels, AXES.items()):
        for call in COLOURS:
            if points := curves[axis].get(call):
                x, y = zip(*points)
                panel.loglog(x, y, "o-", color=COLOURS[call], label=LABELS[call], markersize=4)
        # A proportional line through the last point.
        x, y = zip(*curves[axis]["observe" if axis == "n" else "refresh"])
        panel.loglog([x[0], x[-1]], [y[-1] * x[0] / x[-1], y[-1]], ":", color="black", linewidth=1, label="in proportion")
        panel.set_xlabel(label)
        panel.set_xticks(x, [f"{tick:,}" for tick in x], fontsize=7.5)
        panel.minorticks_off()
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("nanoseconds a call")
    handles = {label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=5, frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)
