"""Layer 9: what users see of Jormun. `import jormun` offers all of it."""
