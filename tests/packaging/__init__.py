"""What lies in the repository, and what is made of it for users."""
