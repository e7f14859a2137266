# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over the wire: an AWS call read from a WSGI request, an answer, and AWS's error formats.

The five protocols differ in where the operation's name stands and in how an error looks; nothing else here knows them.
"""

from __future__ import annotations

import io
import json
import re
import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ServiceModel

# SigV4 scopes name a service by its signing name; botocore's models by another one for these.
SERVICE_OF_SIGNING_NAME = {
    "access-analyzer": "accessanalyzer",
    "tagging": "resourcegroupstaggingapi",
    "monitoring": "cloudwatch",
}
CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
ERROR_CODE_IN_XML = re.compile(rb"<Code>([^<]+)</Code>")


class AwsError(Exception):
    """An error that AWS would answer with: code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass
class Answer:
    """An HTTP answer: status code, headers, body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @classmethod
    def of_json(cls, content: Any, status: int = 200, content_type: str = "application/x-amz-json-1.1") -> Answer:
        body = json.dumps(content, default=_epoch_seconds).encode()
        return cls(status, [("Content-Type", content_type), ("x-amzn-RequestId", str(uuid.uuid4()))], body)

    @classmethod
    def of_xml(cls, body: str, status: int = 200) -> Answer:
        return cls(status, [("Content-Type", "text/xml")], body.encode())

    @property
    def error_code(self) -> str | None:
        """The AWS error code that this answer carries, None when it is no error."""
        if self.status < 400:
            return None
        for name, value in self.headers:
            if name.lower() == "x-amzn-errortype":
                return value.split(":")[0]
        in_xml = ERROR_CODE_IN_XML.search(self.body)
        if in_xml:
            return in_xml.group(1).decode()
        try:
            return str(json.loads(self.body)["__type"]).split("#")[-1]
        except (ValueError, KeyError, TypeError):
            return str(self.status)


@dataclass
class Call:
    """One AWS call. `service` is botocore's name, `parameters` are parsed for the query protocols only.

    `seq` is the number that the journal gave to it.
    """

    environ: dict[str, Any]
    body: bytes
    access_key: str | None
    session_token: str | None
    service: str
    region: str
    protocol: str
    operation: str
    parameters: dict[str, Any] = field(default_factory=dict)
    seq: int = 0


def read_call(environ: dict[str, Any]) -> Call:
    """Read a call; the body is kept in `environ` too, so that moto can read it again."""
    body = read_body(environ)
    query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    presigned = f"Credential={query.get('X-Amz-Credential', '')}"
    scope = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", presigned))
    key, region, signing_name = scope.group("key", "region", "service") if scope else (None, "us-east-1", "s3")
    service = SERVICE_OF_SIGNING_NAME.get(signing_name, signing_name)
    call = Call(
        environ=environ,
        body=body,
        access_key=key,
        session_token=environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or query.get("X-Amz-Security-Token"),
        service=service,
        region=region,
        protocol=_protocol(service),
        operation="",
    )
    if call.protocol == "json":
        call.operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    elif call.protocol in ("query", "ec2"):
        call.parameters = dict(parse_qsl(body.decode(), keep_blank_values=True)) or query
        call.operation = call.parameters.get("Action", "")
    return call


def render_error(call: Call, error: AwsError) -> Answer:
    """`error` in the format of the call's protocol."""
    request_id = str(uuid.uuid4())
    code, message = escape(error.code), escape(error.message)
    if call.protocol in ("json", "rest-json"):
        answer = Answer.of_json({"__type": error.code, "message": error.message}, error.status)
        answer.headers.append(("x-amzn-ErrorType", error.code))
        return answer
    if call.protocol == "ec2":
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        return Answer.of_xml(body, error.status)
    if call.protocol == "rest-xml":
        body = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
        # An answer to HEAD has no body; the SDKs then see the status only, as with AWS.
        return Answer.of_xml("" if call.environ["REQUEST_METHOD"] == "HEAD" else body, error.status)
    sender = "Sender" if error.status < 500 else "Receiver"
    body = (
        f"<ErrorResponse><Error><Type>{sender}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Answer.of_xml(body, error.status)


@lru_cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of `service`."""
    return botocore.session.get_session().get_service_model(service)


@lru_cache
def _protocol(service: str) -> str:
    try:
        return str(service_model(service).metadata["protocol"])
    except botocore.exceptions.UnknownServiceError:
        return "json"


def read_body(environ: dict[str, Any]) -> bytes:
    """The body of a request; it stays readable in `environ`."""
    stream = environ["wsgi.input"]
    # werkzeug marks a chunked body, which has no length, as terminated.
    length = -1 if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    body = stream.read(length)
    environ["wsgi.input"] = io.BytesIO(body)
    environ["wsgi.input_terminated"] = False
    environ["CONTENT_LENGTH"] = str(len(body))
    return bytes(body)


def _epoch_seconds(moment: Any) -> float:
    """Timestamps of the JSON protocol are seconds since 1970."""
    return float(moment.timestamp())
