/** The files of the dashboard, as they are in `dashboard/`: part of the program, so that it is whole wherever it is installed. @module */
import api from "./dashboard/api.js" with { type: "text" };
import app from "./dashboard/app.js" with { type: "text" };
import dom from "./dashboard/dom.js" with { type: "text" };
import earlyTheme from "./dashboard/early_theme.js" with { type: "text" };
import grid from "./dashboard/grid.js" with { type: "text" };
import icon from "./dashboard/icon.svg" with { type: "text" };
import index from "./dashboard/index.html" with { type: "text" };
import live from "./dashboard/live.js" with { type: "text" };
import outputView from "./dashboard/output_view.js" with { type: "text" };
import pageFleet from "./dashboard/page_fleet.js" with { type: "text" };
import pageHost from "./dashboard/page_host.js" with { type: "text" };
import pageJob from "./dashboard/page_job.js" with { type: "text" };
import pageJobs from "./dashboard/page_jobs.js" with { type: "text" };
import pageNewJob from "./dashboard/page_new_job.js" with { type: "text" };
import pageSettings from "./dashboard/page_settings.js" with { type: "text" };
import signIn from "./dashboard/sign_in.js" with { type: "text" };
import style from "./dashboard/style.css" with { type: "text" };
import text from "./dashboard/text.js" with { type: "text" };
import theme from "./dashboard/theme.js" with { type: "text" };
import widgets from "./dashboard/widgets.js" with { type: "text" };

/** One file. */
export interface Asset {
  readonly type: string;
  readonly text: string;
}

const script = (text: string): Asset => ({ type: "text/javascript; charset=utf-8", text });

/** The files by their path. */
export const dashboardAssets: ReadonlyMap<string, Asset> = new Map([
  ["/", { type: "text/html; charset=utf-8", text: index }],
  ["/assets/style.css", { type: "text/css; charset=utf-8", text: style }],
  ["/assets/icon.svg", { type: "image/svg+xml", text: icon }],
  ["/assets/api.js", script(api)],
  ["/assets/app.js", script(app)],
  ["/assets/dom.js", script(dom)],
  ["/assets/early_theme.js", script(earlyTheme)],
  ["/assets/grid.js", script(grid)],
  ["/assets/live.js", script(live)],
  ["/assets/output_view.js", script(outputView)],
  ["/assets/page_fleet.js", script(pageFleet)],
  ["/assets/page_host.js", script(pageHost)],
  ["/assets/page_job.js", script(pageJob)],
  ["/assets/page_jobs.js", script(pageJobs)],
  ["/assets/page_new_job.js", script(pageNewJob)],
  ["/assets/page_settings.js", script(pageSettings)],
  ["/assets/sign_in.js", script(signIn)],
  ["/assets/text.js", script(text)],
  ["/assets/theme.js", script(theme)],
  ["/assets/widgets.js", script(widgets)],
]);
