"""What the deployment says: worker, beat and Redis commands, from the files that start them. One file per format in `formats`."""
