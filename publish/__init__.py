"""Pages and slides of the notebooks, which need no kernel and no network.

The notebooks are run once (``executed``), their widgets' states taken along
(``live``), their cells rendered by nbconvert (``render``), and the outcome laid
out as pages (``site``) or decks (``slides``). No text stands here that a
notebook has.
"""

from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
NOTEBOOKS = ROOT / "notebooks"
STORE = ROOT / ".cache"  # notebooks that have run, and what was fetched; git ignores it
