/** Starts what moves on the pages about API keys; without it keys are made, and copied by hand, all the same. */

import { Application } from "@hotwired/stimulus";
import CopyingController from "./controllers/copying_controller";
import SingleController from "./controllers/single_controller";

const application = new Application();
application.register("copying", CopyingController);
application.register("single", SingleController);
await application.start();
