import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { temporaryFolder } from '../test/storage/temporary-folder.ts'
import { makeAuthority } from '../test/support/certificates.ts'
import { readAuthorities } from './authorities.ts'

async function fileOf(text: string): Promise<string> {
  const path = join(await temporaryFolder(), 'authorities.pem')
  await writeFile(path, text)
  return path
}

test('all certificates of a file are read, whatever stands between them', async () => {
  const [first, second] = [makeAuthority().certificate, makeAuthority().certificate]
  const path = await fileOf(`# ours\n${first}\n# the partner's\r\n${second}`)
  expect(readAuthorities(path)).toEqual([first.trim(), second.trim()])
})

test('a file that is not there, has none or has a broken one is refused by its name', async () => {
  const broken = makeAuthority().certificate.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA')
  for (const [path, fault] of [
    ['/nowhere/authorities.pem', 'cannot be read'],
    [await fileOf('nothing'), 'has no certificate in it'],
    [await fileOf(`${makeAuthority().certificate}\n${broken}`), 'that cannot be read, number 2'],
  ] as const) {
    expect(() => readAuthorities(path)).toThrow(
      expect.objectContaining({ code: 'bad_config', message: expect.stringContaining(fault) }),
    )
    expect(() => readAuthorities(path)).toThrow(path)
  }
})
