"""Models of incomplete multimodal recognition behind one interface, to be compared fairly."""
