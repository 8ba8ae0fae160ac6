"""``python -m vae_helpers.data`` draws ``data/pen.npz`` again."""

from . import load
from .pen import make
from .shipped import pen_path


def main() -> None:
    """Draw both halves anew, read the file back, and say what was written."""
    path = pen_path()
    make(path)
    print(f"Wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")
    print(load("pen"))


if __name__ == "__main__":
    main()
