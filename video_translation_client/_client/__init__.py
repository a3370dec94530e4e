"""What ``client.py`` hands its work to: its parts, the terms of one job, many jobs at once."""
