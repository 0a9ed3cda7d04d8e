"""Results of a cell: runs, their summary, and the files of an output directory."""
