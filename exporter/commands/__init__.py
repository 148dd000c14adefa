"""The subcommands that are no daemon."""
