"""The auditor: evidence bundles in, findings out; no torch, no sockets, no store. Rules: README.md."""

from node.audit.archive import BundleError
from node.audit.bundle import write_bundle
from node.audit.explanation import explain
from node.audit.findings import Finding, Severity, Status
from node.audit.reading import read_bundle
from node.audit.recheck import check_finding
from node.audit.report import Report
from node.audit.verification import verify

__all__ = [
    "BundleError",
    "Finding",
    "Report",
    "Severity",
    "Status",
    "check_finding",
    "explain",
    "read_bundle",
    "verify",
    "write_bundle",
]
