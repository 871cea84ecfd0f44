"""What the linter costs, beside its peers. Run by hand: `python -m benchmarks.lint --corpus DIRECTORY`."""
