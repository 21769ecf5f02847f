"""Readers: recipients, digests and their deliveries, purges, runs of the scheduler, the server's starts."""

from __future__ import annotations

from alembic import op
from alembic.util import CommandError

from capture.resources import MIGRATIONS, run_migration_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    for name in ("0002_1_readers.sql", "0002_2_comments.sql"):
        run_migration_sql(op, (MIGRATIONS / "sql" / name).read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: dropping what was told to whom is what `whochanged uninstall` is for."""
    raise CommandError("this migration cannot be undone; run: whochanged uninstall")
