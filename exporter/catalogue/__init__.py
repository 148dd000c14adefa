"""What is known of each device type: data/ has one YAML file a type, with the evidence for each fact."""
