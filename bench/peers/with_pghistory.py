"""Put the tables under watch of django-pghistory: `with_pghistory.py DSN row|statement plain|context`."""

import sys

import django
import psycopg
from django.conf import settings


def main(dsn: str, level: str, context: str) -> None:
    """Make the tables of events by Django's schema editor, then the triggers."""
    address = psycopg.conninfo.conninfo_to_dict(dsn)
    settings.configure(
        USE_TZ=True,
        INSTALLED_APPS=["pgtrigger", "pghistory", "django.contrib.contenttypes", "watched"],
        PEER_LEVEL=level,
        PEER_CONTEXT=context == "context",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": address["dbname"],
                "USER": address["user"],
                "HOST": address["host"],
                "PORT": address.get("port", ""),
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    from watched.models import MODELS

    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model.pgh_event_model)
    from pgtrigger.registry import registered

    for model, trigger in registered():
        if model in MODELS:
            trigger.install(model)


main(*sys.argv[1:])
