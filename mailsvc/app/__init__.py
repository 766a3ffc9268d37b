"""Composition: configuration to service tree. The only room that sees all others, reads files and names the reactor."""
