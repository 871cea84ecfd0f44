"""The runtime that migrated code imports. So far it holds the contract that linter, codemods and runtime share (`contract`)."""
