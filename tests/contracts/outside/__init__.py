"""A package of algorithms that a deployment adds; the contract suite runs over it too."""
