/** The part of sns-validator that is used: it brings no types. @module */

declare module 'sns-validator' {
  export default class MessageValidator {
    validate(message: object, done: (error: Error | null, message?: object) => void): void
  }
}
