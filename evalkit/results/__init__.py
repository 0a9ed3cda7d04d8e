"""What a cell comes to: runs, their summary, and the files of an output directory."""
