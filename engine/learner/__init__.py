"""The learner: features, experts, the network, labels, memory, calibration, drift detection."""
