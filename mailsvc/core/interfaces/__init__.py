"""zope interfaces by role, one file a role. Rooms meet through these and are given them by ``app``."""
