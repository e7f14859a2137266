# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.datalake.dms.plugins.module_utils._hosts.account_checks import obstacles_of


def row(check, status, text="why"):
    return {"check": check, "status": status, "text": text}


def test_obstacles_are_what_the_checks_of_routes_and_keys_warn_of():
    checks = [
        {"hosts": ["crm", "erp"], "checks": [row("route_s3", "warned", "no route"), row("quota", "warned")]},
        {"hosts": ["crm"], "checks": [row("kms_key_policy", "warned", "some roles"), row("route_s3", "passed")]},
        {"hosts": ["hr"], "checks": [row("route_secretsmanager", "warned"), row("kms_key_policy", "failed")]},
        {"hosts": ["web"], "failed": True},
    ]
    assert obstacles_of(checks) == {"crm": ["no route", "some roles"], "erp": ["no route"]}
