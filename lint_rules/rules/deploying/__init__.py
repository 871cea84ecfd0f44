"""Rules about workers as the deployment starts them: pools, queues and priorities against the code."""
