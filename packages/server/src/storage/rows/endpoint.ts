/** Rows of `endpoint`: how they are read, and how their secrets are sealed. @module */

import type { Metadata } from '../../domain/application.ts'
import type { DisabledReason, Endpoint, OldSecret } from '../../domain/endpoint.ts'
import type { EndpointAuth } from '../../domain/endpoint-auth.ts'
import type { EndpointHeaders } from '../../domain/endpoint-headers.ts'
import { DEFAULT_SETTINGS, type EndpointSettings } from '../../domain/endpoint-settings.ts'
import type { Opener, SecretBox } from '../secret-box.ts'
import { type Row, flag, fromJson } from './cells.ts'

/** Reads a row of `endpoint`. */
export function endpointOf(row: Row, box: Opener): Endpoint {
  return {
    id: row['id'] as string,
    applicationId: row['application_id'] as string,
    uid: row['uid'] as string | null,
    url: row['url'] as string,
    description: row['description'] as string,
    disabled: flag(row['disabled']),
    eventTypes: fromJson<string[] | null>(row['event_types']),
    channels: fromJson<string[] | null>(row['channels']),
    secret: box.open(row['secret'] as Uint8Array),
    oldSecrets: openJson<OldSecret[]>(row['old_secrets'], box) ?? [],
    headers: openJson<EndpointHeaders>(row['headers'], box) ?? {},
    auth: openJson<EndpointAuth>(row['auth'], box),
    throttleRate: row['throttle_rate'] as number | null,
    settings: { ...DEFAULT_SETTINGS, ...fromJson<Partial<EndpointSettings>>(row['settings']) },
    failingSince: row['failing_since'] as number | null,
    disabledReason: row['disabled_reason'] as DisabledReason | null,
    metadata: fromJson<Metadata>(row['metadata']),
    createdAt: row['created_at'] as number,
    updatedAt: row['updated_at'] as number,
  }
}

/** Seals what has secrets in it; nothing is kept of what is empty, as it mostly is. */
export function sealJson(value: object, box: Pick<SecretBox, 'seal'>): Uint8Array | null {
  return Object.keys(value).length === 0 ? null : box.seal(JSON.stringify(value))
}

/** Seals credentials; `null` where there are none. */
export function sealAuth(auth: EndpointAuth | null, box: Pick<SecretBox, 'seal'>): Uint8Array | null {
  return auth === null ? null : box.seal(JSON.stringify(auth))
}

function openJson<T>(sealed: unknown, box: Opener): T | null {
  return sealed === null || sealed === undefined ? null : (JSON.parse(box.open(sealed as Uint8Array)) as T)
}
