"""One module for each layout on disk; ``node.learning.data.source`` says which."""
