"""The demo: real nodes on one machine, from cards to verdict. ``show`` tells it, ``play`` only returns it."""

from node.demo.story import play, show
from node.demo.wish import REGIONS, Kill, Wish

__all__ = ["REGIONS", "Kill", "Wish", "play", "show"]
