# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentence that asks to confirm a protected environment."""

from __future__ import annotations

import pytest
from ansible_collections.datalake.dms.plugins.module_utils._hosts.host import confirmation


@pytest.mark.parametrize(
    ("environments", "named", "advice"),
    [
        (["prod"], "Environment prod is protected", "run again with -e s3_endpoint_confirm=prod."),
        (
            ["prod", "test"],
            "Environment prod and test is protected",
            "run again with -e s3_endpoint_confirm=prod or test, for one such environment at a time.",
        ),
    ],
)
def test_confirmation_names_each_environment(environments, named, advice):
    sentence = confirmation(environments, "remove dev-old")
    assert sentence == f"{named}, and this would remove dev-old; if that is meant, {advice}"
