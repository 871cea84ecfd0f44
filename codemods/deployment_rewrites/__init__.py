"""A file per codemod of a rule about commands and servers of the deployment."""
