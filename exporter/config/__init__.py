"""The config file: its schema, its token, and what it says once it is read and checked."""
