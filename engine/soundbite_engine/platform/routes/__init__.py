"""The endpoints of the contract, one module a resource."""
