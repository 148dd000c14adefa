"""One YAML file per device type: paths, fields, and the evidence for each. Data, not code."""
