"""What ``landsting bench`` runs, and the table of attacks."""
