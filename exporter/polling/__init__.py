"""Everything that is asked of the cloud at intervals: readings, device lists, settings."""
