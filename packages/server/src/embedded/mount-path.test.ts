import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { splitPath } from './mount-path.ts'

test('a mount path is taken off by its parts', () => {
  expect(splitPath('/webhooks/api/v1/app?limit=1', '/webhooks')).toEqual({
    mounted: '/webhooks',
    own: '/api/v1/app?limit=1',
  })
  expect(splitPath('/acme/webhooks/docs', '/:tenant/webhooks/')).toEqual({
    mounted: '/acme/webhooks',
    own: '/docs',
  })
  expect(splitPath('/webhooks', '/webhooks')).toEqual({ mounted: '/webhooks', own: '/' })
  expect(splitPath('/webhooks?q=/a/b', '/webhooks')).toEqual({ mounted: '/webhooks', own: '/?q=/a/b' })
  expect(splitPath('/docs', '')).toEqual({ mounted: '', own: '/docs' })
})

test('whatever the mount path, what follows it is kept as it was written', () => {
  const part = fc.stringMatching(/^[\w.~%-]{1,8}$/)
  const path = fc.array(part, { maxLength: 4 }).map((parts) => parts.map((each) => `/${each}`).join(''))
  fc.assert(
    fc.property(path, path, fc.constantFrom('', '?a=/b/c'), (mountPath, own, query) => {
      const split = splitPath(`${mountPath}${own}${query}`, mountPath)
      expect(split.mounted).toBe(mountPath)
      expect(split.own).toBe(own === '' ? `/${query}` : `${own}${query}`)
    }),
  )
})
