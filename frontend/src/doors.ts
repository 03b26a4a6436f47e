/** Starts what moves on the page about the doors for programs: the buttons that copy an example. */

import { Application } from "@hotwired/stimulus";
import CopyingController from "./controllers/copying_controller";

const application = new Application();
application.register("copying", CopyingController);
await application.start();
