"""Who somebody is: credentials, the checkers that judge them, hashing of passwords, and the relay decision."""
