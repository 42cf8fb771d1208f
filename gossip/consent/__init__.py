"""What regions say yes to: rosters, key sets, plans, releases."""
