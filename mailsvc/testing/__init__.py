"""Shipped doubles and harness for tests, ours and other people's; imported by no product code."""
