"""Graphs: who may talk to whom, with what weight, in which round. README.md has the table."""

from topologies.errors import TopologyError
from topologies.generators import LABELS, Label, build, fitting
from topologies.measures import may_be_away, rounds_to_mix, spectral_gap, unmaskable
from topologies.overview import Overview, overview
from topologies.schedule import Schedule
from topologies.weights import metropolis_weights, uniform_weights

__all__ = [
    "LABELS",
    "Label",
    "Overview",
    "Schedule",
    "TopologyError",
    "build",
    "fitting",
    "may_be_away",
    "metropolis_weights",
    "overview",
    "rounds_to_mix",
    "spectral_gap",
    "uniform_weights",
    "unmaskable",
]
