/** Starts the page: words first, then the session, then the controllers. */

import { Application } from "@hotwired/stimulus";
import AgainController from "./controllers/again_controller";
import BudgetController from "./controllers/budget_controller";
import ClipboardController from "./controllers/clipboard_controller";
import CompanyController from "./controllers/company_controller";
import ComposerController from "./controllers/composer_controller";
import EstimateController from "./controllers/estimate_controller";
import LineController from "./controllers/line_controller";
import MenuController from "./controllers/menu_controller";
import ModelsController from "./controllers/models_controller";
import NewestController from "./controllers/newest_controller";
import PageController from "./controllers/page_controller";
import PaletteController from "./controllers/palette_controller";
import SettingsController from "./controllers/settings_controller";
import SidebarController from "./controllers/sidebar_controller";
import ThreadController from "./controllers/thread_controller";
import TitleController from "./controllers/title_controller";
import type { Boot } from "./models/views";
import { setWords, type Catalogue } from "./models/words";
import { begin } from "./session";

const CONTROLLERS = {
  again: AgainController,
  budget: BudgetController,
  clipboard: ClipboardController,
  company: CompanyController,
  composer: ComposerController,
  estimate: EstimateController,
  line: LineController,
  menu: MenuController,
  models: ModelsController,
  newest: NewestController,
  page: PageController,
  palette: PaletteController,
  settings: SettingsController,
  sidebar: SidebarController,
  thread: ThreadController,
  title: TitleController,
};

function dataOf<Data>(id: string): Data {
  return JSON.parse(document.getElementById(id)?.textContent || "{}") as Data;
}

const boot = dataOf<Boot>("boot");
const csrfToken = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
setWords(dataOf<Catalogue>("catalogue"), boot.language || document.documentElement.lang);
const session = begin(boot, csrfToken);

const application = new Application();
for (const [name, controller] of Object.entries(CONTROLLERS)) application.register(name, controller);
await application.start();
// Only now is everybody listening.
session.start();
