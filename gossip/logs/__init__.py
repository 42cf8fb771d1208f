"""A region's log among its neighbours: told, signed, copied, missed, begun anew."""
