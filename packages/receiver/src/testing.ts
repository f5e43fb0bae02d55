/** Requests and senders for the tests of those who receive webhooks. @module */

export {
  fakeSender,
  type FakeDelivery,
  type FakeEvent,
  type FakeSender,
  type FakeSenderOptions,
} from './fake-sender.ts'
export { signTestEvent, type SignedTestEvent, type TestEventOptions } from './sign-test-event.ts'
