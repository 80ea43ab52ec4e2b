"""What runs beside the application's main process and on whose behalf: trees, workers, pools, children."""
