/** What the page's session announces. */

import type { Status } from "./connection";
import type { Limits, Person } from "./protocol";
import type { BudgetView } from "./views";

export interface SessionEvents {
  list: null;
  budget: BudgetView;
  /** The models are known, or another one is chosen. */
  models: null;
  status: Status;
  limits: Limits;
  /** The person may do more or less in this team than before. */
  role: null;
  people: readonly Person[];
  writing: Person;
  /** A text goes into the composer, to be sent or changed by the person. */
  compose: string;
  /** The person wants to edit their last message. */
  editLast: null;
  /** Words for who hears the page. */
  announce: string;
}
