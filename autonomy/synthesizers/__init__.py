"""Who writes proposals: rules of the house, a service of the operator's, or a model."""
