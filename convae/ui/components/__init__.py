"""Parts drawn by JavaScript in the browser, each behind one Python function."""
