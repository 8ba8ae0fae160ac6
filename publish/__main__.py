"""``python -m publish site`` writes the pages, ``python -m publish slides`` the decks."""

import argparse
import time

from publish import ROOT
from publish.executed import notebook_paths


def main():
    """Build what is asked for, and say where it lies and how large it is."""
    parser = argparse.ArgumentParser(prog="python -m publish", description=__doc__)
    parser.add_argument("what", choices=["site", "slides"])
    parser.add_argument("names", nargs="*", help="how the notebooks' names start, such as 01; default: all")
    parser.add_argument("--out", help="the folder; default: site or slides beside this one")
    parser.add_argument("--lectures", help="where the decks will lie, seen from the pages: the front page leads there")
    asked = parser.parse_intermixed_args()
    if not notebook_paths(asked.names):
        parser.error(f"no notebook's name starts with {' or '.join(asked.names)}")
    start, out = time.perf_counter(), asked.out or ROOT / asked.what
    if asked.what == "site":
        from publish.site import build

        folder = build(out, asked.names, asked.lectures)
    else:
        from publish.slides import build

        folder = build(out, asked.names)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{folder}: {size / 1e6:.1f} MB, {time.perf_counter() - start:.0f} s. Open {folder / 'index.html'}")


if __name__ == "__main__":
    main()
