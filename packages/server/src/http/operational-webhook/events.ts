/** The forms of operational events, as their receivers get them. @module */

import { Type } from 'typebox'

import { FAILING_AT, type OperationalEventType } from '../../domain/operational-event.ts'
import type { DescribedWebhook } from '../openapi/document.ts'
import { Instant, Nullable, described } from '../schemas.ts'

const APPLICATION = {
  appId: Type.String({ description: 'The application.' }),
  appUid: described(Nullable(Type.String()), 'Your own name for it.'),
}

const ENDPOINT = {
  ...APPLICATION,
  endpointId: Type.String({ description: 'The endpoint.' }),
  endpointUid: described(Nullable(Type.String()), 'Your own name for it.'),
}

const Disabled = {
  ...ENDPOINT,
  failSince: Nullable(
    Type.String({
      format: 'date-time',
      description:
        'When the first of its attempts failed after which none succeeded; null where none has failed.',
    }),
  ),
  trigger: Type.Enum(['manual', 'automatic'], {
    description: 'Whether the API disabled it, or the server itself.',
  }),
  reason: Nullable(
    Type.Enum(['gone', 'failing', 'unverified'], {
      description:
        'Why the server did: it answered 410, nothing but failures for too long, or its URL is new and its owner has not ' +
        'proved yet that it wants to be called.',
    }),
  ),
}

const ATTEMPT = {
  ...APPLICATION,
  endpointId: Type.String({ description: 'The endpoint.' }),
  msgId: Type.String({ description: 'The message.' }),
  msgEventId: described(Nullable(Type.String()), 'Your own id of the event.'),
  lastAttempt: Type.Object(
    {
      id: Type.String({ description: 'Begins with `atmpt_`.' }),
      responseStatusCode: Type.Integer({ description: '0 where there was no answer' }),
      timestamp: described(Instant, 'When it was made.'),
    },
    { $id: 'MessageAttempetLast', description: 'The last attempt.' },
  ),
}

/** What is sent to endpoints for operational webhooks: one for each type of event. Their names are those of the vendor. */
export const OPERATIONAL_WEBHOOKS: readonly DescribedWebhook[] = [
  webhook('EndpointCreatedEvent', 'endpoint.created', ENDPOINT, 'An endpoint was created'),
  webhook(
    'EndpointUpdatedEvent',
    'endpoint.updated',
    ENDPOINT,
    'An endpoint was replaced or changed by the API, whatever of it',
  ),
  webhook('EndpointDeletedEvent', 'endpoint.deleted', ENDPOINT, 'An endpoint was deleted'),
  webhook('EndpointEnabledEvent', 'endpoint.enabled', ENDPOINT, 'An endpoint that was disabled was enabled'),
  webhook(
    'EndpointDisabledEvent',
    'endpoint.disabled',
    Disabled,
    'An endpoint was disabled: by the API, or because of what it answered',
  ),
  webhook(
    'MessageAttemptFailingEvent',
    'message.attempt.failing',
    ATTEMPT,
    `Attempt ${FAILING_AT} of a delivery has failed, as those before, and more are to come`,
  ),
  webhook(
    'MessageAttemptExhaustedEvent',
    'message.attempt.exhausted',
    ATTEMPT,
    'A delivery has failed for good: its schedule is spent, or the endpoint answered 410',
  ),
  webhook(
    'MessageAttemptRecoveredEvent',
    'message.attempt.recovered',
    ATTEMPT,
    'A delivery that was reported to be failing or exhausted has succeeded',
  ),
]

function webhook(
  name: string,
  type: OperationalEventType,
  data: Parameters<typeof Type.Object>[0],
  summary: string,
): DescribedWebhook {
  const schema = Type.Object(
    {
      type: Type.Enum([type], { description: 'The event type, as endpoints ask for it.' }),
      data: Type.Object(data, { $id: `${name}Data`, description: 'What it happened to.' }),
    },
    { $id: name },
  )
  return { name, summary, schema }
}
