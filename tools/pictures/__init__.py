"""The pictures of the documentation: of pages by Chromium, of dashboards by matplotlib."""
