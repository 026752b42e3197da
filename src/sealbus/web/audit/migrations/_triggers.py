"""Triggers: the database itself refuses to change or delete an audit entry, and to move the head of the chain backwards.

SQLite deletes the row that an INSERT OR REPLACE replaces without calling the triggers of DELETE, so triggers of INSERT
look for that row. The key of `audit_entry` is not its rowid, so a row may be replaced by either.
"""

from django.db import migrations

SQLITE = (
    """CREATE TRIGGER audit_entry_unchanged BEFORE UPDATE ON audit_entry
       BEGIN SELECT RAISE(ABORT, 'an audit entry is written once'); END""",
    """CREATE TRIGGER audit_entry_kept BEFORE DELETE ON audit_entry
       BEGIN SELECT RAISE(ABORT, 'an audit entry is never deleted'); END""",
    """CREATE TRIGGER audit_entry_not_replaced BEFORE INSERT ON audit_entry
       WHEN EXISTS (SELECT 1 FROM audit_entry WHERE sequence = NEW.sequence)
         OR EXISTS (SELECT 1 FROM audit_entry WHERE rowid = NEW.rowid)
       BEGIN SELECT RAISE(ABORT, 'an audit entry is written once'); END""",
    """CREATE TRIGGER audit_head_forward BEFORE UPDATE ON audit_chainhead WHEN NEW.sequence < OLD.sequence
       BEGIN SELECT RAISE(ABORT, 'the head of the audit never goes back'); END""",
    """CREATE TRIGGER audit_head_kept BEFORE DELETE ON audit_chainhead
       BEGIN SELECT RAISE(ABORT, 'the head of the audit is never deleted'); END""",
    """CREATE TRIGGER audit_head_not_replaced BEFORE INSERT ON audit_chainhead
       WHEN EXISTS (SELECT 1 FROM audit_chainhead WHERE id = NEW.id)
       BEGIN SELECT RAISE(ABORT, 'the head of the audit is never replaced'); END""",
)
SQLITE_BACK = (
    "DROP TRIGGER audit_entry_unchanged",
    "DROP TRIGGER audit_entry_kept",
    "DROP TRIGGER audit_entry_not_replaced",
    "DROP TRIGGER audit_head_forward",
    "DROP TRIGGER audit_head_kept",
    "DROP TRIGGER audit_head_not_replaced",
)
POSTGRESQL = (
    """CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'the audit is written once: no % on %', TG_OP, TG_TABLE_NAME; END $$""",
    """CREATE TRIGGER audit_entry_unchanged BEFORE UPDATE OR DELETE ON audit_entry
       FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_entry_kept BEFORE TRUNCATE ON audit_entry
       FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_head_forward BEFORE UPDATE ON audit_chainhead
       FOR EACH ROW WHEN (NEW.sequence < OLD.sequence) EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_head_kept BEFORE DELETE ON audit_chainhead
       FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
    """CREATE TRIGGER audit_head_not_emptied BEFORE TRUNCATE ON audit_chainhead
       FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
)
POSTGRESQL_BACK = (
    "DROP TRIGGER audit_entry_unchanged ON audit_entry",
    "DROP TRIGGER audit_entry_kept ON audit_entry",
    "DROP TRIGGER audit_head_forward ON audit_chainhead",
    "DROP TRIGGER audit_head_kept ON audit_chainhead",
    "DROP TRIGGER audit_head_not_emptied ON audit_chainhead",
    "DROP FUNCTION audit_refuse()",
)


def create_triggers(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def drop_triggers(apps, schema_editor):
    for statement in POSTGRESQL_BACK if schema_editor.connection.vendor == "postgresql" else SQLITE_BACK:
        schema_editor.execute(statement, params=None)


OPERATIONS = [migrations.RunPython(create_triggers, drop_triggers)]
