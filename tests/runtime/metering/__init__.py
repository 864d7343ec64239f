"""Fuel: charges, counts that agree in every tier, and what happens when there is none left."""
