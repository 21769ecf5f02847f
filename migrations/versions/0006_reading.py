"""Reading at ten million changes: counts for the overview that are ready to be added up."""

from __future__ import annotations

from alembic import op
from alembic.util import CommandError

from capture.resources import MIGRATIONS, run_migration_sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it, one file a subject."""
    for path in sorted((MIGRATIONS / "sql").glob("0006_*.sql")):
        run_migration_sql(op, path.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: dropping what was logged is what `whochanged uninstall` is for."""
    raise CommandError("this migration cannot be undone; run: whochanged uninstall")
