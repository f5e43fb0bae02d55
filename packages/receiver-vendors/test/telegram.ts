/** Telegram's token, as the bot framework grammY checks it. @module */

import { Bot, webhookCallback } from 'grammy'
import type { Update, UserFromGetMe } from 'grammy/types'

import type { SignedTestEvent } from '../../receiver/src/testing.ts'

/** Tells whether grammY lets the update through to the bot. */
export async function telegramAccepts(request: SignedTestEvent, secretToken: string): Promise<boolean> {
  // With `botInfo`, grammY does not ask Telegram who the bot is.
  const botInfo = { id: 1, is_bot: true, first_name: 'bot', username: 'a_bot' } as UserFromGetMe
  const update = JSON.parse(Buffer.from(request.body).toString()) as Update
  let isAuthorized = true
  const refuse = async () => {
    isAuthorized = false
  }
  const receive = webhookCallback(new Bot('1:none', { botInfo }), 'callback', { secretToken })
  await receive(update, async () => undefined, request.headers['x-telegram-bot-api-secret-token'], refuse)
  return isAuthorized
}
