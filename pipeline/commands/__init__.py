"""The commands of the `tacit` program, one file per group; `cli` puts them together."""
