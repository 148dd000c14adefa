"""The vendor's API: one request, its limits, and what its answers say."""
