"""Stand-ins that let the audit run on Python's standard library alone, as ``landsting-audit.pyz``.

The audit's own code goes into that file unchanged; what it takes from libraries is replaced by the modules here:
Ed25519 (``signing``), msgpack (``packing``), sums of words (``replay``). ``pyz`` in the folder above builds the
file. Nothing here is imported by a node.
"""
