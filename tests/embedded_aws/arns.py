# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of ARNs, `arn:<partition>:<service>:<region>:<account>:<resource>`, and the partition of a region."""

from __future__ import annotations

PARTITION_OF_PREFIX = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


def partition_of_region(region: str) -> str:
    prefixes = (partition for prefix, partition in PARTITION_OF_PREFIX.items() if region.startswith(prefix))
    return next(prefixes, "aws")


def partition_of(arn: str) -> str:
    return arn.split(":")[1]


def region_of(arn: str) -> str:
    return arn.split(":")[3]


def account_of(arn: str) -> str:
    return arn.split(":")[4]


def resource_of(arn: str) -> str:
    return arn.split(":", 5)[5]
