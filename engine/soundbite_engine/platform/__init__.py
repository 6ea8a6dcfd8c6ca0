"""The platform contract, served on this machine: assets, tasks, uploads and embeddings."""
