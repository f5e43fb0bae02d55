import { nextRoute } from '@posthorn/receiver/next'

import { receiver } from '../../receiver.ts'

export const POST = nextRoute(receiver)
