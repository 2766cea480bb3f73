"""What must hold between and inside the crates, as a check that fails. Entry: scripts/check-architecture."""
