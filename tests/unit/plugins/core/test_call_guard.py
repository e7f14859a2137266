# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._core.call_guard import is_guarded

DMS = "database-migration-service"


@pytest.mark.parametrize(
    ("service", "operation", "guarded"),
    [
        (DMS, "DeleteEndpoint", True),
        (DMS, "TestConnection", True),
        (DMS, "DescribeEndpoints", False),
        (DMS, "ListTagsForResource", False),
        ("iam", "UpdateAssumeRolePolicy", True),
        ("iam", "GetRole", False),
        ("iam", "SimulatePrincipalPolicy", False),
        ("kms", "PutKeyPolicy", True),
        ("s3", "PutBucketPolicy", True),
        ("s3", "DeleteBucketPolicy", True),
        ("s3", "GetBucketPolicy", False),
        # The journal itself.
        ("s3", "PutObject", False),
        ("s3", "DeleteObject", False),
        ("sts", "AssumeRole", False),
    ],
)
def test_calls_that_change_something_are_guarded(service, operation, guarded):
    assert is_guarded(service, operation) is guarded
