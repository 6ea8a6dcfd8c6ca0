"""The ledger and the store are compared, and what one lacks is made again."""
