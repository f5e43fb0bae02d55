/** The store's port: applications. @module */

import type { Application, ApplicationChanges, ApplicationPolicy } from '../../domain/application.ts'
import type { PageRequest } from './page.ts'

/** Applications. */
export interface ApplicationStore {
  /** @throws {PosthornError} `uid_exists`. */
  createApplication(application: Application): Promise<void>
  findApplication(organisationId: string, idOrUid: string): Promise<Application | null>
  listApplications(organisationId: string, page: PageRequest): Promise<Application[]>
  /** Returns what the deliveries of an application are held to; `null` where there is no such application. */
  findPolicy(applicationId: string): Promise<ApplicationPolicy | null>
  /** @throws {PosthornError} `uid_exists`. */
  updateApplication(
    organisationId: string,
    id: string,
    changes: ApplicationChanges,
    now: number,
  ): Promise<Application | null>
  /** Deletes it with its endpoints and frees their uids. What waits for these is for {@link QueueStore.cancelDeliveries}. */
  deleteApplication(organisationId: string, id: string, now: number): Promise<boolean>
}
