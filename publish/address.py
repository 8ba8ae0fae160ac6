"""``make address REPOSITORY=owner/name``: write where the course is to be found on GitHub into all files that say it.

Until then they hold a placeholder, which nobody can own, so that no first cell
on Colab fetches somebody else's code.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib

from publish import NOTEBOOKS, ROOT
from vae_helpers.files import whole_file

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}/[\w.-]{1,100}")  # as GitHub allows them


def address():
    """``owner/name`` as pyproject.toml has it; the placeholder, too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].removeprefix("https://github.com/")


def is_set(repository):
    """Whether this may be a repository on GitHub: the placeholder is none."""
    return NAME.fullmatch(repository) is not None


def files():
    """All files that say the address."""
    # pyproject.toml last: until it has been written, a second try finds what the first one left
    return [ROOT / "README.md", *sorted(NOTEBOOKS.glob("*.ipynb")), ROOT / "pyproject.toml"]


def write(repository):
    """Replace the address in all files; ValueError if it cannot be one. Returns the names of those that changed."""
    if not is_set(repository):
        raise ValueError(f"{repository!r} is no name of a repository on GitHub: wanted is owner/name")
    old, changed = address(), []
    for file in files():
        text = file.read_text(encoding="utf-8")
        new = text.replace(f"github.com/{old}", f"github.com/{repository}").replace(f"/github/{old}/", f"/github/{repository}/")
        if new != text:
            with whole_file(file) as part:
                part.write_text(new, encoding="utf-8", newline="\n")
            changed.append(file.relative_to(ROOT).as_posix())
    return changed


def main():
    """The command line."""
    parser = argparse.ArgumentParser(prog="make address", description=__doc__.splitlines()[0])
    parser.add_argument("repository", nargs="?", help="owner/name, as in github.com/owner/name")
    asked = parser.parse_args().repository
    if not asked:
        sys.exit(f"The address is {address()}. To change it: make address REPOSITORY=owner/name")
    try:
        print("changed:", ", ".join(write(asked)) or "nothing")
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
