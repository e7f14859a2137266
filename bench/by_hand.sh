#!/bin/sh
# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# By hand: the procedure that the project automates, with the AWS CLI, one endpoint after the other (README.md says what was left as it is).
# Each argument is a folder with what somebody would have written for one endpoint: policy.json, trust.json, settings.json and tags.
# The profiles `dms` and `lake` assume the role of their account.
set -eu

for endpoint in "$@"; do
  # 2. and 3. The policy and the role that has it; nobody knows the ExternalId yet.
  policy=$(aws --profile lake iam create-policy --policy-name "$(cat "$endpoint/role_name")" --path "$(cat "$endpoint/path")" \
    --policy-document "file://$endpoint/policy.json" --tags "file://$endpoint/tags.json" --query Policy.Arn --output text)
  role=$(aws --profile lake iam create-role --role-name "$(cat "$endpoint/role_name")" --path "$(cat "$endpoint/path")" \
    --assume-role-policy-document "file://$endpoint/trust.json" --tags "file://$endpoint/tags.json" --query Role.Arn --output text)
  aws --profile lake iam attach-role-policy --role-name "$(cat "$endpoint/role_name")" --policy-arn "$policy"
  echo "$role has $policy"

  # 4. and 5. The endpoint, and the ExternalId that AWS answers with.
  external_id=$(aws --profile dms dms create-endpoint --endpoint-identifier "$(cat "$endpoint/identifier")" --endpoint-type target \
    --resource-identifier "$(cat "$endpoint/identifier")" --engine-name s3 --s3-settings "file://$endpoint/settings.json" \
    --tags "file://$endpoint/tags.json" --query Endpoint.ExternalId --output text)

  # 6. Into the trust.
  sed "s/$(cat "$endpoint/placeholder_id")/$external_id/" "$endpoint/trust.json" >"$endpoint/final_trust.json"
  aws --profile lake iam update-assume-role-policy --role-name "$(cat "$endpoint/role_name")" \
    --policy-document "file://$endpoint/final_trust.json"

  # 7. "create-endpoint again": only where AWS has not kept the first one.
  status=$(aws --profile dms dms describe-endpoints --filters "Name=endpoint-id,Values=$(cat "$endpoint/identifier")" \
    --query 'Endpoints[0].Status' --output text)
  test "$status" = active || {
    echo "$endpoint is $status: create it again." >&2
    exit 1
  }
done
