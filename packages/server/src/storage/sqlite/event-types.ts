/** Event types in SQLite. @module */

import type { DatabaseSync } from 'node:sqlite'

import { PosthornError } from '../../domain/errors.ts'
import { planImport } from '../../domain/event-type.ts'
import { toJson } from '../rows/cells.ts'
import { eventTypeOf } from '../rows/event-type.ts'
import { type Row, type Synchronous, cell, changeClause, pageClause, statementCache } from './tables.ts'

type EventTypeMethods =
  | 'createEventType'
  | 'findEventType'
  | 'listEventTypes'
  | 'updateEventType'
  | 'importEventTypes'
  | 'expungeEventType'

/** The methods on event types. */
export function eventTypeMethods(database: DatabaseSync): Synchronous<EventTypeMethods> {
  const prepared = statementCache(database)

  return {
    createEventType(eventType) {
      // One statement, so that two that make the same type at once cannot both succeed.
      const row = prepared(
        `INSERT INTO event_type VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (organisation_id, name) DO UPDATE SET
           description = excluded.description, archived = excluded.archived, deprecated = excluded.deprecated,
           schemas = excluded.schemas, feature_flags = excluded.feature_flags, group_name = excluded.group_name,
           retry_schedule = excluded.retry_schedule, updated_at = excluded.updated_at
         WHERE event_type.archived = 1
         RETURNING *`,
      ).get(
        eventType.organisationId,
        eventType.name,
        eventType.description,
        Number(eventType.archived),
        Number(eventType.deprecated),
        toJson(eventType.schemas),
        toJson(eventType.featureFlags),
        eventType.groupName,
        eventType.createdAt,
        eventType.updatedAt,
        toJson(eventType.retryScheduleMs),
      )
      if (row === undefined) {
        throw new PosthornError('event_type_exists', `There is an event type ${eventType.name} already`, {
          hint: 'Change it with PUT or PATCH',
        })
      }
      return eventTypeOf(row)
    },

    findEventType(organisationId, name) {
      const row = prepared('SELECT * FROM event_type WHERE organisation_id = ? AND name = ?').get(
        organisationId,
        name,
      )
      return row === undefined ? null : eventTypeOf(row)
    },

    listEventTypes(organisationId, page) {
      const { sql, values } = pageClause('name', page, [
        [`organisation_id = ?${page.includeArchived ? '' : ' AND archived = 0'}`, organisationId],
      ])
      return prepared(`SELECT * FROM event_type ${sql}`)
        .all(...values)
        .map((row) => eventTypeOf(row as Row))
    },

    updateEventType(organisationId, name, changes, now) {
      const { sql, values } = changeClause(changes, {
        description: cell.text('description'),
        archived: cell.flag('archived'),
        deprecated: cell.flag('deprecated'),
        schemas: cell.json('schemas'),
        featureFlags: cell.json('feature_flags'),
        groupName: cell.text('group_name'),
        retryScheduleMs: cell.json('retry_schedule'),
      })
      const row = prepared(
        `UPDATE event_type SET ${sql} WHERE organisation_id = ? AND name = ? RETURNING *`,
      ).get(...values, now, organisationId, name)
      return row === undefined ? null : eventTypeOf(row)
    },

    importEventTypes(organisationId, imported, { archivesOthers, isDryRun }, now) {
      const rows = prepared('SELECT * FROM event_type WHERE organisation_id = ?').all(organisationId)
      const plan = planImport(
        rows.map((row) => eventTypeOf(row as Row)),
        imported,
        archivesOthers,
      )
      if (isDryRun) return plan.result
      const save = prepared(
        `INSERT INTO event_type (organisation_id, name, description, archived, deprecated, schemas, feature_flags,
           group_name, created_at, updated_at)
         VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (organisation_id, name) DO UPDATE SET
           description = excluded.description, archived = 0, deprecated = excluded.deprecated,
           schemas = excluded.schemas, feature_flags = excluded.feature_flags, group_name = excluded.group_name,
           updated_at = excluded.updated_at`,
      )
      for (const { name, description, deprecated, schemas, featureFlags, groupName } of plan.saved) {
        const forms = [toJson(schemas), toJson(featureFlags)] as const
        save.run(organisationId, name, description, Number(deprecated), ...forms, groupName, now, now)
      }
      const archive = prepared(
        'UPDATE event_type SET archived = 1, updated_at = ? WHERE organisation_id = ? AND name = ?',
      )
      for (const name of plan.result.archived) archive.run(now, organisationId, name)
      return plan.result
    },

    expungeEventType: (organisationId, name) =>
      prepared('DELETE FROM event_type WHERE organisation_id = ? AND name = ?').run(organisationId, name)
        .changes !== 0,
  }
}
