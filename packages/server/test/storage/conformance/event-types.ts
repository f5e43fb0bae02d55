/** Conformance: event types. @module */

import { describe, expect, test } from 'vitest'

import type { EventTypeChanges } from '../../../src/domain/event-type.ts'
import type { Store } from '../../../src/storage/store.ts'
import { NOW, WHOLE, idAt, newEventType } from '../fixtures.ts'

/** Tests event types. */
export function describeEventTypes(store: () => Store): void {
  describe('event types', () => {
    test('an event type is found by its name, with every field as it was given', async () => {
      const eventType = newEventType({
        name: 'user.renamed',
        description: 'Ein Name ändert sich 🎺',
        deprecated: true,
        schemas: { 1: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } },
        featureFlags: ['beta', 'internal'],
        groupName: 'user',
        updatedAt: NOW + 3,
      })
      expect(await store().createEventType(eventType)).toEqual(eventType)
      expect(await store().findEventType(eventType.organisationId, 'user.renamed')).toEqual(eventType)
      expect(await store().findEventType(eventType.organisationId, 'user.Renamed')).toBeNull()
    })

    test('a name is taken while its type is live, within its organisation only', async () => {
      const eventType = newEventType()
      const { organisationId } = eventType
      await store().createEventType(eventType)
      await expect(
        store().createEventType(newEventType({ organisationId, description: 'Another' })),
      ).rejects.toMatchObject({ code: 'event_type_exists' })
      expect(await store().findEventType(organisationId, eventType.name)).toEqual(eventType)
      await store().createEventType(newEventType())
    })

    test('of many that make one type at once, one does', async () => {
      const { organisationId } = newEventType()
      const made = await Promise.allSettled(
        Array.from({ length: 10 }, () => store().createEventType(newEventType({ organisationId }))),
      )
      expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await store().listEventTypes(organisationId, { ...WHOLE, includeArchived: true })).toHaveLength(
        1,
      )
    })

    test('an archived type comes back as it is made anew, and keeps when it was first made', async () => {
      const archived = newEventType({
        archived: true,
        schemas: { 1: {} },
        groupName: 'old',
        featureFlags: ['old'],
      })
      const { organisationId } = archived
      await store().createEventType(archived)

      const anew = newEventType({ organisationId, description: 'Anew', createdAt: NOW + 9 })
      const revived = { ...anew, createdAt: archived.createdAt }
      expect(await store().createEventType(anew)).toEqual(revived)
      expect(await store().findEventType(organisationId, anew.name)).toEqual(revived)
    })

    test('archived types are listed where they are asked for', async () => {
      const live = newEventType({ name: 'live' })
      const { organisationId } = live
      const archived = newEventType({ organisationId, name: 'archived', archived: true })
      await store().createEventType(live)
      await store().createEventType(archived)

      expect(await store().listEventTypes(organisationId, { ...WHOLE, includeArchived: false })).toEqual([
        live,
      ])
      expect(await store().listEventTypes(organisationId, { ...WHOLE, includeArchived: true })).toEqual([
        archived,
        live,
      ])
    })

    test.each<[string, EventTypeChanges]>([
      ['description', { description: 'New' }],
      ['archived', { archived: true }],
      ['deprecated', { deprecated: true }],
      ['schemas', { schemas: { 2: { type: 'string' } } }],
      ['schemas, to none', { schemas: null }],
      ['featureFlags', { featureFlags: ['new', 'other'] }],
      ['featureFlags, to none', { featureFlags: null }],
      ['groupName', { groupName: 'new' }],
      ['nothing', {}],
    ])('a change of %s leaves every other field as it was', async (_, changes) => {
      const eventType = newEventType({ schemas: { 1: {} }, featureFlags: ['beta'], groupName: 'old' })
      const { organisationId, name } = eventType
      await store().createEventType(eventType)

      const changed = { ...eventType, ...changes, updatedAt: NOW + 8 }
      expect(await store().updateEventType(organisationId, name, changes, NOW + 8)).toEqual(changed)
      expect(await store().findEventType(organisationId, name)).toEqual(changed)
    })

    test('an import makes, changes and brings back what it names, and leaves what the document does not say', async () => {
      const same = newEventType({ name: 'same', schemas: { 1: { type: 'object' } }, groupName: 'g' })
      const { organisationId } = same
      const changed = newEventType({
        organisationId,
        name: 'changed',
        groupName: 'g',
        featureFlags: ['f'],
        retryScheduleMs: [1],
        schemas: { 1: {}, 2: {} },
      })
      const archived = newEventType({ organisationId, name: 'archived', archived: true })
      const other = newEventType({ organisationId, name: 'other' })
      for (const each of [same, changed, archived, other]) await store().createEventType(each)

      const fields = { description: 'New', deprecated: true, schemas: { 1: { type: 'string' } } }
      const imported = [
        { name: 'same', description: same.description, deprecated: same.deprecated, schemas: same.schemas },
        { name: 'made', ...fields, groupName: 'h', featureFlags: ['i'] },
        { name: 'changed', ...fields },
        { name: 'archived', ...fields, schemas: null },
      ]
      const all = () => store().listEventTypes(organisationId, { ...WHOLE, includeArchived: true })
      const run = (archivesOthers: boolean, isDryRun: boolean) =>
        store().importEventTypes(organisationId, imported, { archivesOthers, isDryRun }, NOW + 9)
      const before = await all()
      const modified = ['archived', 'changed', 'made']
      expect(await run(true, true)).toEqual({ modified, archived: ['other'] })
      expect(await all()).toEqual(before)

      expect(await run(false, false)).toEqual({ modified, archived: [] })
      const made = newEventType({
        organisationId,
        ...imported[1]!,
        createdAt: NOW + 9,
      })
      const updatedAt = NOW + 9
      expect(await all()).toEqual([
        { ...archived, ...fields, schemas: null, archived: false, updatedAt },
        { ...changed, ...fields, updatedAt },
        { ...made, updatedAt },
        other,
        same,
      ])
      expect(await run(true, false)).toEqual({ modified: [], archived: ['other'] })
      expect(await store().findEventType(organisationId, 'other')).toEqual({
        ...other,
        archived: true,
        updatedAt,
      })
      expect(await run(true, false)).toEqual({ modified: [], archived: [] })
    })

    test('an import touches no other organisation', async () => {
      const theirs = newEventType({ name: 'theirs' })
      await store().createEventType(theirs)
      const mine = { name: 'mine', description: '', deprecated: false, schemas: null }
      const options = { archivesOthers: true, isDryRun: false }
      const result = await store().importEventTypes(idAt('organisation', NOW), [mine], options, NOW)
      expect(result).toEqual({ modified: ['mine'], archived: [] })
      expect(await store().findEventType(theirs.organisationId, 'theirs')).toEqual(theirs)
      expect(await store().findEventType(theirs.organisationId, 'mine')).toBeNull()
    })

    test('an expunged type is gone for good, and its name is free', async () => {
      const eventType = newEventType()
      const { organisationId, name } = eventType
      await store().createEventType(eventType)

      expect(await store().expungeEventType(organisationId, name)).toBe(true)
      expect(await store().findEventType(organisationId, name)).toBeNull()
      expect(await store().expungeEventType(organisationId, name)).toBe(false)
      const anew = newEventType({ organisationId, createdAt: NOW + 9 })
      expect(await store().createEventType(anew)).toEqual(anew)
    })

    test('an event type of another organisation is not found, changed or expunged', async () => {
      const eventType = newEventType()
      await store().createEventType(eventType)
      const other = idAt('organisation', NOW)

      expect(await store().findEventType(other, eventType.name)).toBeNull()
      expect(await store().listEventTypes(other, { ...WHOLE, includeArchived: true })).toEqual([])
      expect(await store().updateEventType(other, eventType.name, { archived: true }, NOW)).toBeNull()
      expect(await store().expungeEventType(other, eventType.name)).toBe(false)
      expect(await store().findEventType(eventType.organisationId, eventType.name)).toEqual(eventType)
    })
  })
}
