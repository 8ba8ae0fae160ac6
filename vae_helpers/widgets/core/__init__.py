"""What the widgets share: networks as the browser runs them, a plane, the theme, the keys."""
