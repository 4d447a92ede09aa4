"""knowscape pull: an atlas, vectors or checkpoints from another host, over ssh, or from an object store."""

from pathlib import Path
from typing import Annotated

import typer

from knowscape.cli.app import Json, app
from knowscape.cli.output import show

__all__: list[str] = []

Source = Annotated[
    str,
    typer.Argument(
        metavar="HOST:PATH", help="An atlas there, or a folder of vectors or checkpoints; s3://BUCKET/PATH."
    ),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make or to continue.")]
Identity = Annotated[Path | None, typer.Option(metavar="FILE", help="The key; ssh's own choice without it.")]
RemotePort = Annotated[int | None, typer.Option(min=1, max=65535, help="The port of sshd there.")]
Credentials = Annotated[
    Path | None, typer.Option(metavar="FILE", help="JSON with address and username; then HOST:PATH is :PATH.")
]


@app.command()
def pull(
    source: Source,
    out: Folder,
    identity: Identity = None,
    port: RemotePort = None,
    credentials: Credentials = None,
    json: Json = False,
) -> None:
    """Fetch an atlas from another host by ssh, or from an object store; stopped, the same command continues."""
    from knowscape.errors import UsageError
    from knowscape.progress import progress_for
    from knowscape.pull.remote import split_source
    from knowscape.pull.run import pull as pull_from
    from knowscape.pull.run import pull_url
    from knowscape.ssh import Host, read_credentials
    from knowscape.store.objects import find_url

    progress, url = progress_for(), find_url(source)
    if url is not None:
        if (identity, port, credentials) != (None, None, None):
            raise UsageError(f"{url} is reached without ssh: --identity, --port and --credentials are not for it.")
        show(pull_url(url, out, progress=progress).to_json(), as_json=json)
        return
    name, path = split_source(source)
    if credentials is None:
        host = Host.parse(name, port=port, identity=identity)
    elif name:
        raise UsageError(f"{source!r:.200} names a host, and so does {credentials}. Type: :PATH")
    else:
        host, password = read_credentials(credentials, port=port, identity=identity)
        if password:
            progress.note(
                f"The password in {credentials} is not used. Remove it from there, and set up a key: {host.keys()}"
            )
    show(pull_from(host, path, out, progress=progress).to_json(), as_json=json)
