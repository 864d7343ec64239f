"""Files that somebody damaged, through the whole command line."""
