"""Links between regions over ZeroMQ: who gets in, and how bytes travel."""
