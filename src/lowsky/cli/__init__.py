"""The commands (contract: docs of the project, "What the outside can rely on")."""
