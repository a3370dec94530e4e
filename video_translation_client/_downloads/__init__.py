"""The files of finished jobs: which there are, from where, and how they get onto the disk whole."""
