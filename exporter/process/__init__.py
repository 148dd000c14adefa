"""The process among others: the signals it gets, and the service manager that runs it."""
