"""One study from start to end, and its rounds."""
