"""What a run leaves behind: tables, logs, its report, and the folder that holds them."""
