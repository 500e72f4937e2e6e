"""Algorithms for the journeys only; a platform finds them through MLPLATFORM_ALGORITHM_PACKAGES."""
