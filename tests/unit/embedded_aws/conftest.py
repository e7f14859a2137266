# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One embedded AWS for these tests, one environment in it per test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import EmbeddedAWS

# The helper module stands beside the tests, which are no package; this holds with every import mode of pytest.
sys.path.insert(0, str(Path(__file__).parent))

from embedded_cloud import Cloud


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAWS]:
    with EmbeddedAWS() as running:
        yield running


@pytest.fixture(scope="module")
def clients(aws: EmbeddedAWS) -> Cloud:
    return Cloud(aws)


@pytest.fixture
def cloud(clients: Cloud) -> Cloud:
    clients.renew()
    return clients


@pytest.fixture
def refused() -> Callable[..., str]:
    """Call something that AWS has to refuse; the error code, or `code: message` compared by the test."""

    def call(function: Callable[..., Any], **parameters: Any) -> str:
        with pytest.raises(ClientError) as caught:
            function(**parameters)
        return f"{caught.value.response['Error']['Code']}: {caught.value.response['Error']['Message']}"

    return call
