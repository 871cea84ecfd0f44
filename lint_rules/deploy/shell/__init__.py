"""What does shell text run, and with which words? Nothing is executed: variables are followed as far as they are written out."""
