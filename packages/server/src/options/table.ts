/** Every option of the server in one table: its names, default, meaning and check. @module */

import { API_SPECS } from './api.ts'
import { DELIVERY_SPECS } from './delivery.ts'
import { EGRESS_SPECS } from './egress.ts'
import { SERVER_SPECS } from './server.ts'
import type { OptionSpecs } from './spec.ts'

/** All options, in the order in which help and `docs/configuration.md` show them. */
export const OPTION_SPECS: OptionSpecs = {
  ...SERVER_SPECS,
  ...EGRESS_SPECS,
  ...DELIVERY_SPECS,
  ...API_SPECS,
}
