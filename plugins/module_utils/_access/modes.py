# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two access modes of an endpoint: a role of the data-lake account with an ExternalId, or one of the DMS account."""

from __future__ import annotations

DMS, LAKE = "dms", "lake"
SIDES = (DMS, LAKE)


CROSSACCOUNT_ROLE, BUCKET_POLICY = "crossaccount_role", "bucket_policy"
ACCESS_MODES = (CROSSACCOUNT_ROLE, BUCKET_POLICY)
