"""A benchmark over HTTP: `accelnas.serve.app.create_app` makes the application, ``accelnas serve`` runs it."""
