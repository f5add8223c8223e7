"""What learns: features, experts, the network, labels, memory, calibration, drift."""
