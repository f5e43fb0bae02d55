/** The audit log: who wrote what, and when. @module */

/** One write that was asked of the API, or done by `posthorn token` or `posthorn keys`. Messages sent are not among them: each is its own record. */
export interface AuditEntry {
  readonly id: string
  readonly organisationId: string
  /** The application that it was about; `null` where it concerned the organisation. */
  readonly applicationId: string | null
  /** First characters of the token, enough to recognise it; `jwt:` and its subject for a JWT; `cli` for the command. */
  readonly actor: string
  /** `null` for a JWT and for the command. */
  readonly tokenId: string | null
  /** `CLI` for a command that does what no route does. */
  readonly method: string
  /** The path with the names of its parameters: `/app/:app_id`; or that command: `keys rotate`. */
  readonly route: string
  /** What the parameters named, as the caller named it, and the `id` of what was made. */
  readonly resources: Readonly<Record<string, string>>
  /** HTTP status of the answer. */
  readonly status: number
  readonly requestId: string
  readonly createdAt: number
}
