/** SNS's validator, given the certificate of the test where it would fetch one. @module */

import https from 'node:https'
import { Readable } from 'node:stream'
import MessageValidator from 'sns-validator'
import { vi } from 'vitest'

import type { SignedTestEvent } from '../../receiver/src/testing.ts'
import { snsPair } from '../../receiver/test/providers/rows.ts'

/** Tells whether AWS's validator accepts the message, and it is of the topic: the validator believes any. */
export async function snsAccepts(request: SignedTestEvent, topicArn: string): Promise<boolean> {
  const pem = await snsPair.fetchCertificate()
  const get = vi.spyOn(https, 'get').mockImplementation(((
    _url: unknown,
    answer: (response: unknown) => void,
  ) => {
    answer(Object.assign(Readable.from([pem]), { statusCode: 200 }))
    return { on: () => undefined }
  }) as never)
  try {
    const message = JSON.parse(Buffer.from(request.body).toString()) as { TopicArn: string }
    await new Promise((resolve, reject) => {
      new MessageValidator().validate(message, (error, valid) =>
        error === null ? resolve(valid) : reject(error),
      )
    })
    return message.TopicArn === topicArn
  } finally {
    get.mockRestore()
  }
}
