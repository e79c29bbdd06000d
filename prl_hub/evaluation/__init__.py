"""Prompts × examples → evaluations: the one evaluator, its cache, and the statistics of a comparison."""
