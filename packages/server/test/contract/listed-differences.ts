/** Where our API differs from the description that it is held to, and why. The table in `docs/api.md` is held to this one. @module */

/** Differences of one kind, and their reason. */
export interface ListedDifference {
  /** Matches lines of {@link differencesOf}. */
  readonly lines: RegExp
  /** What is different, for who reads. */
  readonly difference: string
  readonly reason: string
}

/** All differences that are meant. */
export const LISTED: readonly ListedDifference[] = [
  {
    lines: /^PATCH .*: is named v1\.[a-z-]+\.patch, not patch_\w+$/,
    difference: 'Operations by PATCH are named `v1.application.patch`, not `patch_application`',
    reason: 'All operations are named by one pattern. No client sends these names.',
  },
  {
    lines:
      /^POST \/api\/v1\/auth\/logout: is named v1\.authentication\.logout, not logout_api_v1_auth_logout__post$/,
    difference: 'Logging out is named `v1.authentication.logout`, not `logout_api_v1_auth_logout__post`',
    reason: 'All operations are named by one pattern. No client sends these names.',
  },
  {
    lines: /^(GET|HEAD) \/api\/v1\/health: does not answer (401|403|404|409|422)$/,
    difference: '`GET` and `HEAD /health` are not refused with 401, 403, 404, 409 or 422',
    reason: 'Health needs no token, and takes nothing that could be wrong.',
  },
]
