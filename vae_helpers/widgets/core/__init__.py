"""What the widgets share: networks as the browser runs them (``pack.py`` and ``net.js``)."""
