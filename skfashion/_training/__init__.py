"""Phases, epochs and batches: optimizer, schedules, augmentation, checkpoints."""
