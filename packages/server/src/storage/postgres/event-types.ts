/** Event types in PostgreSQL. @module */

import { PosthornError } from '../../domain/errors.ts'
import { planImport } from '../../domain/event-type.ts'
import { toJson } from '../rows/cells.ts'
import { eventTypeOf } from '../rows/event-type.ts'
import type { Store } from '../store.ts'
import type { Database } from './database.ts'
import type { Notices } from './notices.ts'
import { sql } from './sql.ts'
import { cell, changeClause, pageClause } from './tables.ts'

type EventTypeMethods =
  | 'createEventType'
  | 'findEventType'
  | 'listEventTypes'
  | 'updateEventType'
  | 'importEventTypes'
  | 'expungeEventType'

/** The methods on event types. */
export function eventTypeMethods(database: Database, notices: Notices): Pick<Store, EventTypeMethods> {
  return {
    createEventType: (eventType) =>
      notices.writeTold(null, async (transaction) => {
        // One statement, so that two that make the same type at once cannot both succeed.
        const row = await transaction.row(
          sql`INSERT INTO event_type (organisation_id, name, description, archived, deprecated, schemas, feature_flags,
                group_name, created_at, updated_at, retry_schedule)
              VALUES (${eventType.organisationId}, ${eventType.name}, ${eventType.description}, ${eventType.archived},
                ${eventType.deprecated}, ${toJson(eventType.schemas)}, ${toJson(eventType.featureFlags)},
                ${eventType.groupName}, ${eventType.createdAt}, ${eventType.updatedAt},
                ${toJson(eventType.retryScheduleMs)})
              ON CONFLICT (organisation_id, name) DO UPDATE SET
                description = excluded.description, archived = excluded.archived, deprecated = excluded.deprecated,
                schemas = excluded.schemas, feature_flags = excluded.feature_flags, group_name = excluded.group_name,
                retry_schedule = excluded.retry_schedule, updated_at = excluded.updated_at
              WHERE event_type.archived
              RETURNING *`,
        )
        if (row === undefined) {
          throw new PosthornError('event_type_exists', `There is an event type ${eventType.name} already`, {
            hint: 'Change it with PUT or PATCH',
          })
        }
        return eventTypeOf(row)
      }),

    async findEventType(organisationId, name) {
      const row = await database.row(
        sql`SELECT * FROM event_type WHERE organisation_id = ${organisationId} AND name = ${name}`,
      )
      return row === undefined ? null : eventTypeOf(row)
    },

    async listEventTypes(organisationId, page) {
      const conditions = [sql`organisation_id = ${organisationId}`]
      if (!page.includeArchived) conditions.push(sql`NOT archived`)
      const rows = await database.rows(sql`SELECT * FROM event_type ${pageClause('name', page, conditions)}`)
      return rows.map(eventTypeOf)
    },

    async updateEventType(organisationId, name, changes, now) {
      const set = changeClause(
        changes,
        {
          description: cell.plain('description'),
          archived: cell.plain('archived'),
          deprecated: cell.plain('deprecated'),
          schemas: cell.json('schemas'),
          featureFlags: cell.json('feature_flags'),
          groupName: cell.plain('group_name'),
          retryScheduleMs: cell.json('retry_schedule'),
        },
        now,
      )
      const row = await notices.writeTold(null, (transaction) =>
        transaction.row(
          sql`UPDATE event_type SET ${set} WHERE organisation_id = ${organisationId} AND name = ${name} RETURNING *`,
        ),
      )
      return row === undefined ? null : eventTypeOf(row)
    },

    importEventTypes: (organisationId, imported, { archivesOthers, isDryRun }, now) =>
      notices.writeTold(null, async (transaction) => {
        // Held to the end, so that what the plan is made from is what it is carried out on.
        const rows = await transaction.rows(
          sql`SELECT * FROM event_type WHERE organisation_id = ${organisationId} ORDER BY name FOR UPDATE`,
        )
        const plan = planImport(rows.map(eventTypeOf), imported, archivesOthers)
        if (isDryRun) return plan.result
        // They are sorted by name, so that two imports take their rows in one order.
        for (const type of plan.saved) {
          await transaction.change(
            sql`INSERT INTO event_type (organisation_id, name, description, archived, deprecated, schemas, feature_flags,
                  group_name, created_at, updated_at)
                VALUES (${organisationId}, ${type.name}, ${type.description}, false, ${type.deprecated},
                  ${toJson(type.schemas)}, ${toJson(type.featureFlags)}, ${type.groupName}, ${now}, ${now})
                ON CONFLICT (organisation_id, name) DO UPDATE SET
                  description = excluded.description, archived = false, deprecated = excluded.deprecated,
                  schemas = excluded.schemas, feature_flags = excluded.feature_flags, group_name = excluded.group_name,
                  updated_at = excluded.updated_at`,
          )
        }
        for (const name of plan.result.archived) {
          await transaction.change(
            sql`UPDATE event_type SET archived = true, updated_at = ${now}
                WHERE organisation_id = ${organisationId} AND name = ${name}`,
          )
        }
        return plan.result
      }),

    expungeEventType: (organisationId, name) =>
      notices.writeTold(
        null,
        async (transaction) =>
          (await transaction.change(
            sql`DELETE FROM event_type WHERE organisation_id = ${organisationId} AND name = ${name}`,
          )) !== 0,
      ),
  }
}
