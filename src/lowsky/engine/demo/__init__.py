"""What ``lowsky demo`` plays: recorded and simulated scenes, from files in the package, through the live path."""
