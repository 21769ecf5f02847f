"""The log: schema, roles, tables, spill tables, indexes and what they mean."""

from __future__ import annotations

from alembic import op
from alembic.util import CommandError

from capture.resources import MIGRATIONS, run_migration_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the log."""
    for name in ("0001_1_tables.sql", "0001_2_comments.sql"):
        run_migration_sql(op, (MIGRATIONS / "sql" / name).read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: dropping the log is what `whochanged uninstall` is for."""
    raise CommandError("the first migration cannot be undone; run: whochanged uninstall")
