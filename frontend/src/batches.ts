/** Starts what moves on the pages about batches; without it they list, send and download all the same. */

import { Application } from "@hotwired/stimulus";
import BatchController from "./controllers/batch_controller";
import BatchFormController from "./controllers/batch_form_controller";
import CopyingController from "./controllers/copying_controller";

const application = new Application();
application.register("batch", BatchController);
application.register("batch-form", BatchFormController);
application.register("copying", CopyingController);
await application.start();
