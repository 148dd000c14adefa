"""Everything that asks the cloud at intervals: readings, device lists, settings."""
