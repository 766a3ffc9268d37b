"""Counting what happens, and answering the questions of a monitoring system on a local port."""
