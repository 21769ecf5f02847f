"""Moves: what a row was taken away from; and the columns of tracked tables, to notice when they change."""

from __future__ import annotations

from alembic import op
from alembic.util import CommandError

from capture.resources import MIGRATIONS, run_migration_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for name in ("0003_1_moves.sql", "0003_2_comments.sql"):
        run_migration_sql(op, (MIGRATIONS / "sql" / name).read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: dropping where rows came from is what `whochanged uninstall` is for."""
    raise CommandError("this migration cannot be undone; run: whochanged uninstall")
