"""The config file: read strictly, every mistake reported with file, line and key."""
