"""What a journal tells: scores, curves, reports, evaluation, exports."""
