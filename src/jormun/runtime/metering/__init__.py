"""Fuel: what instructions cost, where functions are charged, and what there is to pay with."""
