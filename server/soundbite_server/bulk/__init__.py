"""Embedding whole collections on a Ray cluster, into a store that its machines share."""
