"""The embedded world for one machine; never deployed."""
