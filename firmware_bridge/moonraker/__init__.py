"""Moonraker: the API server beside Klipper, spoken to by its websocket (JSON-RPC) and its HTTP."""
