"""The process and its system: signals, the service manager, memory."""
