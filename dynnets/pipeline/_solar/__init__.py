"""The task of the outer solar system: from half a century of positions to 2050."""
