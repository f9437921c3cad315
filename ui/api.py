"""stub"""

from __future__ import annotations


def add_api(app, studio):
    @app.get("/api/v1/health")
    def health():
        return {"status": studio.models.status()}
