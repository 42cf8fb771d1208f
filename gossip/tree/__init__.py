"""Whole-network aggregation: sums that climb a spanning tree."""
