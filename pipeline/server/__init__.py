"""The HTTP, WebRTC and WebSocket server: `tacit serve`."""
