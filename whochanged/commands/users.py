"""`whochanged users`: the local accounts of the page."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whochanged.commands import common

if TYPE_CHECKING:
    import psycopg

app = typer.Typer(
    help="Say who may sign in to the page with a password; every change of that is an entry of the log itself.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)

_GENERATED = 24

Name = Annotated[str, typer.Argument(metavar="NAME", help="What is typed at sign-in, as ana or ana@example.com.")]
Generate = Annotated[
    bool, typer.Option("--generate", help="Make a password and print it, this once, instead of asking for one.")
]


@app.command()
def add(
    name: Name,
    full_name: Annotated[str | None, typer.Option(metavar="NAME", help="Name that is shown, as 'Ana Admin'.")] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="Makes an Account Admin, who sees this account; may be given again. Without it, an Admin.",
        ),
    ] = None,
    export: Annotated[
        bool, typer.Option("--export/--no-export", help="Whether entries may be taken away as a file.")
    ] = True,
    timezone: Annotated[str | None, typer.Option(metavar="ZONE", help="Zone in which times are shown; UTC.")] = None,
    generate: Generate = False,
    dry_run: common.DryRun = False,
    dsn: common.Dsn = None,
) -> None:
    """Make an account. The password is asked for, or read as one line from standard input; never given on the command line.

    [dim]whochanged users add ana --full-name "Ana Admin"
    whochanged users add olga --account 2 --no-export[/]
    """
    with _accounts(dsn) as connection:
        from reports.web.signin import users

        users.check_new(connection, name)  # before somebody thinks of a password
        password = _password(name, generate=generate)
        added = users.add(
            connection,
            name,
            _hashed(password),
            full_name=full_name,
            accounts=account or (),
            may_export=export,
            timezone=timezone,
        )
        role = "Admin" if added.accounts is None else "Account Admin"
        _finish(connection, f"{'Would make' if dry_run else 'Made'} the {role} {added.name}.", dry_run=dry_run)
        _show(password, generate=generate and not dry_run)


@app.command()
def passwd(name: Name, generate: Generate = False, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Give an account a new password, and end its sessions."""
    with _accounts(dsn) as connection:
        from reports.web.signin import users

        users.find(connection, name)
        password = _password(name, generate=generate)
        user = users.set_password(connection, name, _hashed(password))
        verb = "Would give" if dry_run else "Gave"
        _finish(connection, f"{verb} {user.name} a new password; sessions end.", dry_run=dry_run)
        _show(password, generate=generate and not dry_run)


@app.command()
def disable(name: Name, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Refuse an account to sign in, and end its sessions at once; users enable lets it in again."""
    with _accounts(dsn) as connection:
        from reports.web.signin import users

        done = users.disable(connection, name)
        said = f"{'Would disable' if dry_run else 'Disabled'} {name}." if done else f"{name} is disabled already."
        _finish(connection, said, dry_run=dry_run)


@app.command()
def enable(name: Name, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Let a disabled account sign in again, also one that too many wrong passwords hold up."""
    with _accounts(dsn) as connection:
        from reports.web.secrets import Secret
        from reports.web.signin import throttle, users

        done = users.disable(connection, name, disabled=False)
        secret = Secret()
        secret.load(connection)
        throttle.forget(connection, secret, name)
        verb = "Would enable" if dry_run else "Enabled"
        said = f"{verb} {name}." if done else f"{name} was not disabled; wrong passwords hold it up no longer."
        _finish(connection, said, dry_run=dry_run)


@app.command()
def remove(name: Name, dry_run: common.DryRun = False, dsn: common.Dsn = None) -> None:
    """Remove an account, and end its sessions at once. What it did stays in the log."""
    with _accounts(dsn) as connection:
        from reports.web.signin import users

        removed = users.remove(connection, name)
        said = f"{'Would remove' if dry_run else 'Removed'} {removed.name}."
        if users.gets_digests(connection, removed):
            said += f" The digests to that address are paused: whochanged recipients remove {removed.name}  ends them."
        _finish(connection, said, dry_run=dry_run)


@app.command("list")
def list_(as_json: common.AsJson = False, dsn: common.Dsn = None) -> None:
    """List the accounts, what they see, and whether they may export and sign in."""
    with common.installed(dsn) as connection:
        from reports.web.signin.users import read
        from whochanged.output.access import print_users, user_document
        from whochanged.output.machine import to_json

        found = [user for user, _ in read(connection)]
    if as_json:
        for user in found:
            common.out().write(to_json(user_document(user)) + "\n")
    elif found:
        print_users(common.data(), found)
    else:
        common.talk().print("There are no local accounts: whochanged users add NAME")


def _accounts(dsn: str | None) -> Any:
    """The connection, where the libraries of the page are here."""
    from whochanged.web import require_web

    require_web()
    return common.installed(dsn)


def _finish(connection: psycopg.Connection[Any], said: str, *, dry_run: bool) -> None:
    if dry_run:
        connection.rollback()
    else:
        connection.commit()
    common.talk().print(said)


def _password(name: str, *, generate: bool) -> str:
    """A password: made, asked for twice on a terminal, or read as a line from a pipe. Raises UsageError where it is not usable."""
    from reports.web.signin import passwords

    if generate:
        import secrets

        return secrets.token_urlsafe(_GENERATED)
    if sys.stdin.isatty():
        given = typer.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True, err=True)
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    return passwords.check(str(given), name)


def _hashed(password: str) -> str:
    from reports.web.config import HashCost
    from reports.web.signin.passwords import hash_password

    return hash_password(password, HashCost())


def _show(password: str, *, generate: bool) -> None:
    """Print a password that was made here: nobody can read it again."""
    if generate:
        common.out().write(password + "\n")
        common.talk().print("That is the password: keep it, nobody can read it again.")
