# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`lookup('embedded_aws', 'state', account_id=…)` reads what the embedded AWS holds; it is steered with the action of that name."""

from __future__ import annotations

from ansible.plugins.lookup import LookupBase
from embedded_aws import Control


class LookupModule(LookupBase):
    """The term is a method of embedded_aws.Control, the options are its arguments."""

    def run(self, terms, variables=None, **options):
        (request,) = terms
        control = Control(self._templar.template(variables["embedded_aws"])["url"])
        return [getattr(control, request)(**options)]
