"""Shared by the benchmarks: halves of the classes, seconds of a call, printed tables and means."""

from statistics import fmean
from time import perf_counter

LT5, GTE5 = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)
DIRECTIONS = {"gte5 -> lt5": (GTE5, LT5), "lt5 -> gte5": (LT5, GTE5)}


def print_table(title, columns, rows):
    """Print rows of strings under a title, as a reStructuredText simple table."""
    widths = [max(len(str(row[i])) for row in [columns, *rows]) for i in range(len(columns))]
    rule = "  ".join("=" * width for width in widths)
    print(f"\n{title}\n{rule}")
    for number, row in enumerate([columns, *rows]):
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)))
        if number == 0:
            print(rule)
    print(rule, flush=True)


def seconds_of(run):
    """Return the seconds that a call takes."""
    begin = perf_counter()
    run()
    return perf_counter() - begin


def with_spread(values, digits=3):
    """Return the mean of values and half of their spread."""
    half = (max(values) - min(values)) / 2
    return f"{fmean(values):.{digits}f} +- {half:.{digits}f}"
