"""Taylor nets: symplectic networks in series form."""
