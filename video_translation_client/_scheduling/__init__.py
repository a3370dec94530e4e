"""WHEN to ask: waits, limits, pace and threads. No HTTP is spoken here."""
