"""What the answers of an object store mean, and what to type then."""

import os
import re

from knowscape.errors import KnowscapeError, StorageError, UsageError, first_line

__all__ = ["endpoint", "no_bucket", "no_conditions", "refusal"]

_CREDENTIALS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (of a profile: "
    'eval "$(aws configure export-credentials --profile NAME --format env)"), or give this machine a role',
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS to a key's file, or type: gcloud auth application-default login",
}


def endpoint() -> str:
    """Return the address that the environment gives for S3, empty where it is Amazon's."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def no_bucket(root: str) -> UsageError:
    """Return the error for a bucket that is not there."""
    where = endpoint() if root.startswith("s3:") else ""
    return UsageError(
        f"There is no bucket {root}{f' at {where}' if where else ''}. Make it there, or name another; its address "
        "is in AWS_ENDPOINT_URL where it is not Amazon's."
    )


def no_conditions(root: str, why: str) -> UsageError:
    """Return the error for a store that cannot create an object on the condition that it is not there."""
    return UsageError(f"{root} has no conditional writes ({why}), which keep writers apart. Name another store.")


def refusal(url: str, says: str) -> KnowscapeError:
    """Return the error for what an object store, or the way to it, said."""
    scheme, root = url.partition(":")[0], "/".join(url.split("/")[:3])
    # What is said names the path too, which may hold any word.
    found, status = re.search(r"<Code>(\w+)</Code>", says), re.search(r"status code: (\d+)", says)
    code, number = found[1] if found else "", status[1] if status else ""
    why = code or first_line(KnowscapeError(says))
    if code == "NoSuchBucket":
        return no_bucket(root)
    if re.search(r"//[^/]*/latest/api/token|//(169\.254\.|metadata\.google)", says):
        return UsageError(f"There are no credentials for {root}: {_CREDENTIALS[scheme]}.")
    if "Received redirect" in says or code in ("AuthorizationHeaderMalformed", "PermanentRedirect"):
        region = re.search(r"expecting '([\w-]+)'|<Region>([\w-]+)</Region>", says)
        name = (region[1] or region[2]) if region else "REGION"
        return UsageError(f"{root} is in another region than AWS_REGION says. Type: export AWS_REGION={name}")
    if number in ("401", "403"):
        return UsageError(
            f"{url} is refused to these credentials ({why}). See what they may do, or {_CREDENTIALS[scheme]}."
        )
    if number == "501":
        return no_conditions(root, why)
    return StorageError(
        f"{url} cannot be reached: {why:.300}. What was committed stays; run the same command again when it answers."
    )
