/** Runs before the first paint, so that a chosen theme never flashes. */

import { applyTheme, chosenTheme } from "./models/theme";

applyTheme(chosenTheme(), document.documentElement);
