"""The language of the network: every byte that a region may say, sign or log. Specification: README.md."""
